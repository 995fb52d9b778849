import assert from "node:assert/strict";
import { loadTensorFlow } from "./backend.ts";
import { AdamW, type OptimizerSettings } from "./optimizer.ts";
import type { TensorMap, Trainable } from "./trainable.ts";
import {
  countParameters,
  createVariables,
  readVariables,
  withTensors,
  writeVariables,
} from "./variables.ts";

/** Gradients by parameter name, each as long as its parameter. */
export type TensorGradients = ReadonlyMap<string, Float32Array>;

/** Tensors trained as they are: deep tokens, LoRA matrices, or the model's own weights. */
export type TensorParameters = Trainable<TensorMap, TensorGradients>;

/** Trains `tensors` directly: `forward` gives their values, `step` takes one gradient for each. */
export async function createTensorParameters(options: {
  readonly tensors: TensorMap;
  readonly optimizer: OptimizerSettings;
}): Promise<TensorParameters> {
  const { tf } = await loadTensorFlow();
  const parameters = createVariables(tf, options.tensors);
  const optimizer = new AdamW(tf, parameters, options.optimizer);
  const gradientTensor = (gradients: TensorGradients, index: number) => {
    const { name, shape, variable } = parameters[index]!;
    const gradient = gradients.get(name);
    assert.equal(gradient?.length, variable.size, `gradient of ${name}`);
    return tf.tensor(gradient, [...shape], "float32");
  };
  return {
    parameters,
    parameterCount: countParameters(parameters),
    forward: () => readVariables(parameters),
    step: (gradients, stepOptions) =>
      withTensors(
        parameters.map((_, index) => gradientTensor(gradients, index)),
        (tensors) => optimizer.step(tensors, stepOptions),
      ),
    save: () => readVariables(parameters),
    load: (saved) => writeVariables(tf, parameters, saved),
    optimizerState: () => optimizer.save(),
    restore: (state) => optimizer.restore(state),
    dispose: () => {
      optimizer.dispose();
      for (const { variable } of parameters) variable.dispose();
    },
  };
}
