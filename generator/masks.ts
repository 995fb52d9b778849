import { floats, type Tensor } from "../runtime/index.ts";

/** Added to a score that must not count: softmax makes it exactly 0 in f32. */
export const BLOCKED = -1e9;

/**
 * The mask of `tokens` new tokens behind `past` rows that stand in a cache of `capacity` rows: each sees the filled
 * rows, itself and the new ones before it. f32 [1, 1, tokens, capacity + tokens].
 */
export function causalMask(sizes: {
  readonly tokens: number;
  readonly past: number;
  readonly capacity: number;
}): Tensor {
  const { tokens, past, capacity } = sizes;
  const columns = capacity + tokens;
  const mask = new Float32Array(tokens * columns);
  for (let row = 0; row < tokens; row++) {
    mask.fill(BLOCKED, row * columns + past, row * columns + capacity);
    mask.fill(BLOCKED, row * columns + capacity + row + 1, (row + 1) * columns);
  }
  return floats(mask, [1, 1, tokens, columns]);
}
