import type { Random } from "../../core/index.ts";
import type { TensorData } from "../trainable.ts";

/** N(0, 1), as torch.nn.Embedding. */
export function normal(random: Random, shape: readonly number[]): TensorData {
  return fill(shape, () => random.normal());
}

/** U(−bound, bound), as torch.nn.Linear (bound 1/√inputs) and torch.nn.LSTM (1/√hidden). */
export function uniform(random: Random, shape: readonly number[], bound: number): TensorData {
  return fill(shape, () => (2 * random.next() - 1) * bound);
}

function fill(shape: readonly number[], next: () => number): TensorData {
  const size = shape.reduce((product, length) => product * length, 1);
  return { shape, data: Float32Array.from({ length: size }, next) };
}
