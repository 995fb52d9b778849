import type { DeepTokens } from "./prompt-tensors.ts";

/** Sizes of a prefix: K rows of keys and values at every layer. */
export interface PrefixSizes {
  readonly virtualTokens: number;
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
}

/** Numbers of one virtual token in PEFT's array. */
export const prefixRowWidth = (sizes: Omit<PrefixSizes, "virtualTokens">): number =>
  2 * sizes.layers * sizes.keyValueHeads * sizes.headDimension;

/** Rows f32 [heads, K, D] per layer → PEFT's [K, layers · (key, value) · heads · D]. */
export function packPrefix(sizes: PrefixSizes, { keys, values }: DeepTokens): Float32Array {
  const packed = new Float32Array(sizes.virtualTokens * prefixRowWidth(sizes));
  forEachPrefixRow(sizes, ({ layer, isValue, from, to, length }) => {
    const rows = (isValue ? values : keys)[layer]!;
    packed.set(rows.subarray(from, from + length), to);
  });
  return packed;
}

/** Undoes {@link packPrefix}. */
export function unpackPrefix(sizes: PrefixSizes, packed: Float32Array): DeepTokens {
  const size = sizes.keyValueHeads * sizes.virtualTokens * sizes.headDimension;
  const empty = () => Array.from({ length: sizes.layers }, () => new Float32Array(size));
  const deep = { keys: empty(), values: empty() };
  forEachPrefixRow(sizes, ({ layer, isValue, from, to, length }) => {
    const rows = (isValue ? deep.values : deep.keys)[layer]!;
    rows.set(packed.subarray(to, to + length), from);
  });
  return deep;
}

interface PrefixRow {
  readonly layer: number;
  readonly isValue: boolean;
  /** Where the row of one head and token begins in ours, and in PEFT's array. */
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

function forEachPrefixRow(sizes: PrefixSizes, visit: (row: PrefixRow) => void): void {
  const { layers, keyValueHeads: heads, headDimension: length, virtualTokens } = sizes;
  for (let token = 0; token < virtualTokens; token++) {
    for (let part = 0; part < 2 * layers; part++) {
      for (let head = 0; head < heads; head++) {
        visit({
          layer: part >> 1,
          isValue: part % 2 === 1,
          from: (head * virtualTokens + token) * length,
          to: ((token * 2 * layers + part) * heads + head) * length,
          length,
        });
      }
    }
  }
}
