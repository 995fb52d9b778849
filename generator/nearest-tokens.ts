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
  const file = openWeights(model.weightsPath);
  try {
    const near = new NearestTokens(rows, model.config.width, count);
    near.add(0, readEmbeddingTable(file, model.config));
    return near.found;
  } finally {
    file.close();
  }
}

/** Finds the tokens nearest to rows f32 [K, width], whatever vectors of that width stand for tokens; those may come in blocks. */
export class NearestTokens {
  readonly #rows: readonly { row: Float32Array; length: number; best: NearToken[] }[];
  readonly #width: number;
  readonly #count: number;

  constructor(rows: Float32Array, width: number, count: number) {
    this.#width = width;
    this.#count = count;
    this.#rows = Array.from({ length: rows.length / width }, (_, index) => {
      const row = rows.subarray(index * width, (index + 1) * width);
      return { row, length: lengthOf(row), best: [] };
    });
  }

  /** For each row, nearest first. */
  get found(): readonly (readonly NearToken[])[] {
    return this.#rows.map(({ best }) => best);
  }

  /** `vectors`: f32 [n, width], of the tokens from `firstId` on. */
  add(firstId: number, vectors: Float32Array): void {
    for (let start = 0; start < vectors.length; start += this.#width) {
      const vector = vectors.subarray(start, start + this.#width);
      const length = lengthOf(vector);
      const id = firstId + start / this.#width;
      for (const { row, length: own, best } of this.#rows) {
        this.#keep(best, { id, cosine: dot(row, vector) / own / length });
      }
    }
  }

  #keep(best: NearToken[], token: NearToken): void {
    if (best.length === this.#count && token.cosine <= best.at(-1)!.cosine) return;
    best.push(token);
    best.sort((a, b) => b.cosine - a.cosine);
    best.length = Math.min(best.length, this.#count);
  }
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Never 0: what has no direction has cosine 0 with everything. */
const lengthOf = (vector: Float32Array): number =>
  Math.max(Number.MIN_VALUE, Math.sqrt(dot(vector, vector)));
