import type { Tensor } from "@tensorflow/tfjs";
import type { TensorFlow } from "./backend.ts";
import {
  type NamedParameter,
  requireTensor,
  type TensorData,
  type TensorMap,
} from "./trainable.ts";

/** Makes one trained variable per tensor; the names stay ours, TensorFlow.js gives its own unique ones. */
export function createVariables(tf: TensorFlow, tensors: TensorMap): readonly NamedParameter[] {
  return [...tensors].map(([name, { shape, data }]) => ({
    name,
    shape,
    variable: tf.tidy(() => tf.variable(tf.tensor(data, [...shape], "float32"))),
  }));
}

/** Copies the variables' values out. */
export function readVariables(parameters: readonly NamedParameter[]): Map<string, TensorData> {
  return new Map(
    parameters.map(({ name, shape, variable }) => [
      name,
      { shape, data: Float32Array.from(variable.dataSync()) },
    ]),
  );
}

/** Overwrites the variables; all are checked before any changes. @throws RagError prompt/invalid */
export function writeVariables(
  tf: TensorFlow,
  parameters: readonly NamedParameter[],
  saved: TensorMap,
): void {
  const arrays = parameters.map(({ name, shape }) => requireTensor(saved, name, shape));
  tf.tidy(() => {
    for (const [index, { shape, variable }] of parameters.entries()) {
      variable.assign(tf.tensor(arrays[index]!, [...shape], "float32"));
    }
  });
}

/** How many numbers the parameters hold together. */
export function countParameters(parameters: readonly NamedParameter[]): number {
  return parameters.reduce((sum, { variable }) => sum + variable.size, 0);
}

/** Runs `use` with tensors and frees them, however it ends. */
export function withTensors<Result>(
  tensors: readonly Tensor[],
  use: (tensors: readonly Tensor[]) => Result,
): Result {
  try {
    return use(tensors);
  } finally {
    for (const tensor of tensors) tensor.dispose();
  }
}
