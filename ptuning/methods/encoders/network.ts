import type { Tensor2D } from "@tensorflow/tfjs";
import type { Random } from "../../../core/index.ts";
import type { TensorFlow } from "../../backend.ts";
import type { TensorData } from "../../trainable.ts";
import { uniform } from "../initial-values.ts";

/** Sizes of a prompt encoder: K virtual tokens of width H, and the width in between. */
export interface EncoderSizes {
  readonly virtualTokens: number;
  readonly width: number;
  readonly hiddenSize: number;
  /** Numbers per virtual token that come out, where that is not the width. */
  readonly outputs?: number;
}

/** An encoder kind: which arrays it trains, and how they become the virtual tokens. */
export interface EncoderNetwork {
  /** Fresh values as PyTorch initialises them, in PEFT's names and shapes. */
  initialise(sizes: EncoderSizes, random: Random): Map<string, TensorData>;
  /** The virtual tokens [K, H]; `parameter` gives an array by its PEFT name. Runs inside `tf.tidy`. */
  forward(tf: TensorFlow, parameter: (name: string) => Tensor2D): Tensor2D;
}

/** What PEFT puts before every name of a prompt encoder's state. */
export const PEFT_PREFIX = "prompt_encoder.default.";
export const EMBEDDING = `${PEFT_PREFIX}embedding.weight`;

/** The two arrays of torch.nn.Linear(inputs, outputs): weight [outputs, inputs], bias [outputs]. */
export function initialiseLinear(
  random: Random,
  name: string,
  size: { readonly inputs: number; readonly outputs: number },
): [string, TensorData][] {
  const bound = 1 / Math.sqrt(size.inputs);
  return [
    [`${PEFT_PREFIX}${name}.weight`, uniform(random, [size.outputs, size.inputs], bound)],
    [`${PEFT_PREFIX}${name}.bias`, uniform(random, [size.outputs], bound)],
  ];
}

/** x [K, inputs] → x·Wᵀ + b [K, outputs]. */
export function linear(
  tf: TensorFlow,
  parameter: (name: string) => Tensor2D,
  name: string,
): (x: Tensor2D) => Tensor2D {
  const weight = parameter(`${PEFT_PREFIX}${name}.weight`);
  const bias = parameter(`${PEFT_PREFIX}${name}.bias`);
  return (x) => tf.add(tf.matMul(x, weight, false, true), bias);
}
