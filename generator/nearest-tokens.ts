import { openWeights } from "../runtime/index.ts";
import type { DecoderSource } from "./model.ts";
import { readEmbeddingTable } from "./weight-parts.ts";

/** A token of the vocabulary near a vector, with the cosine of their angle. */
export interface NearToken {
  readonly id: number;
  readonly cosine: number;
}

/**
 * The `count` tokens whose embeddings point most nearly the same way as each row.
 * rows: f32 [K, H] → for each row, nearest first.
 */
export function nearestTokens(
  model: DecoderSource,
  rows: Float32Array,
  count: number,
): readonly (readonly NearToken[])[] {
  const { width, vocabulary } = model.config;
  const file = openWeights(model.weightsPath);
  try {
    const table = readEmbeddingTable(file, model.config);
    const lengths = Float32Array.from({ length: vocabulary }, (_, id) =>
      Math.hypot(...table.subarray(id * width, (id + 1) * width)),
    );
    return Array.from({ length: rows.length / width }, (_, index) => {
      const row = rows.subarray(index * width, (index + 1) * width);
      return nearestTo(row, { table, lengths, count });
    });
  } finally {
    file.close();
  }
}

function nearestTo(
  row: Float32Array,
  vocabulary: {
    readonly table: Float32Array;
    readonly lengths: Float32Array;
    readonly count: number;
  },
): NearToken[] {
  const { table, lengths, count } = vocabulary;
  const own = Math.hypot(...row);
  const best: NearToken[] = [];
  for (const [id, length] of lengths.entries()) {
    let dot = 0;
    for (let i = 0; i < row.length; i++) dot += row[i]! * table[id * row.length + i]!;
    const cosine = dot / Math.max(Number.MIN_VALUE, own * length);
    if (best.length === count && cosine <= best.at(-1)!.cosine) continue;
    best.push({ id, cosine });
    best.sort((a, b) => b.cosine - a.cosine);
    best.length = Math.min(best.length, count);
  }
  return best;
}
