import type { Variable } from "@tensorflow/tfjs";
import { RagError } from "../core/index.ts";

/** A dense f32 array: `data` has the product of `shape` entries, row-major. */
export interface TensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

export type TensorMap = ReadonlyMap<string, TensorData>;

/** One trained array, under the name PEFT gives it. */
export interface NamedParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly variable: Variable;
}

/**
 * Something the trainer can train: it yields what the model's graph takes as input, and takes the loss's
 * gradient with respect to that back. `Output` and `Gradient` are one array [K, H] for a prompt encoder, and a
 * map of arrays by name for tensors that are trained directly (deep tokens, LoRA).
 */
export interface Trainable<Output, Gradient> {
  readonly parameters: readonly NamedParameter[];
  /** How many numbers are trained. */
  readonly parameterCount: number;
  forward(): Output;
  /**
   * One optimizer step. Nothing changes when it throws.
   * @throws RagError train/diverged when the gradient holds NaN or infinity
   */
  step(gradient: Gradient, options?: StepOptions): StepReport;
  /**
   * Everything `load` needs to give the same outputs again. Write it, or copy it, before the next step: a whole model's arrays, gigabytes,
   * are the trained ones themselves (`createLargeParameters`), others are copies.
   */
  save(): TensorMap;
  /** @throws RagError prompt/invalid when a tensor is missing or has another shape */
  load(saved: TensorMap): void;
  /** The optimizer's moments and step count; restoring them continues exactly. As with `save`, a whole model's are no copy. */
  optimizerState(): Promise<TensorMap>;
  /** @throws RagError prompt/invalid when a tensor is missing or has another shape */
  restore(state: TensorMap): Promise<void>;
  /** Frees the native memory; nothing else may be called after it. */
  dispose(): void;
}

export interface StepOptions {
  /** The schedule's rate for this step; the configured one when absent. */
  readonly learningRate?: number;
}

export interface StepReport {
  /** Euclidean norm of the whole parameter gradient, before clipping. */
  readonly gradientNorm: number;
}

/**
 * The tensor `name` of `saved`, checked to have `shape`.
 * @throws RagError prompt/invalid
 */
export function requireTensor(
  saved: TensorMap,
  name: string,
  shape: readonly number[],
): Float32Array {
  const found = saved.get(name);
  const wanted = `[${shape.join(", ")}]`;
  if (found === undefined) {
    throw new RagError(
      "prompt/invalid",
      `training state: tensor "${name}" ${wanted} is missing; it belongs to another encoder or is damaged.`,
    );
  }
  const size = shape.reduce((product, length) => product * length, 1);
  if (found.shape.join() !== shape.join() || found.data.length !== size) {
    throw new RagError(
      "prompt/invalid",
      `training state: tensor "${name}" should be ${wanted} but is [${found.shape.join(", ")}]; it belongs to another encoder or model.`,
    );
  }
  return found.data;
}
