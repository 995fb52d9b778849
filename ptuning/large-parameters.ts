import assert from "node:assert/strict";
import { clippingScale } from "./gradient-clipping.ts";
import type { OptimizerSettings } from "./optimizer.ts";
import type { TensorGradients, TensorParameters } from "./tensor-parameters.ts";
import { requireTensor, type StepReport, type TensorData, type TensorMap } from "./trainable.ts";

interface LargeParameter {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

/**
 * AdamW over a whole model's weights, in place in typed arrays: WebAssembly's memory ends before a model, its two moments and its
 * gradient fit. The same steps as {@link AdamW}. `forward`, `save` and `optimizerState` give the arrays themselves, which the next step changes.
 * @see Loshchilov and Hutter, arXiv 1711.05101; torch.optim.AdamW
 */
export function createLargeParameters(options: {
  readonly tensors: TensorMap;
  readonly optimizer: OptimizerSettings;
}): Omit<TensorParameters, "parameters"> {
  const parameters = [...options.tensors].map(
    ([name, { shape, data }]): LargeParameter => ({
      name,
      shape,
      data: data.slice(),
      first: new Float32Array(data.length),
      second: new Float32Array(data.length),
    }),
  );
  const { learningRate: ownRate, ...settings } = options.optimizer;
  let steps = 0;
  const forward = () => new Map(parameters.map(({ name, shape, data }) => [name, { shape, data }]));
  return {
    parameterCount: parameters.reduce((sum, { data }) => sum + data.length, 0),
    forward,
    step: (gradients, { learningRate = ownRate } = {}) => {
      const gradientNorm = normOf(parameters, gradients);
      const { maxGradientNorm = 1 } = settings;
      const step = steps + 1;
      const scale = clippingScale(gradientNorm, { maxGradientNorm, step, learningRate });
      steps = step;
      for (const parameter of parameters) {
        const gradient = gradients.get(parameter.name)!;
        stepOne(parameter, gradient, { ...settings, learningRate, scale, steps });
      }
      return { gradientNorm } satisfies StepReport;
    },
    save: forward,
    load: (saved) => {
      const arrays = parameters.map(({ name, shape }) => requireTensor(saved, name, shape));
      for (const [index, { data }] of parameters.entries()) data.set(arrays[index]!);
    },
    optimizerState: async () => stateOf(parameters, steps),
    restore: async (state) => {
      steps = requireTensor(state, "step", [1])[0]!;
      for (const { name, shape, first, second } of parameters) {
        first.set(requireTensor(state, `first_moment.${name}`, shape));
        second.set(requireTensor(state, `second_moment.${name}`, shape));
      }
    },
    dispose: () => {},
  };
}

function stateOf(parameters: readonly LargeParameter[], steps: number): TensorMap {
  const state = new Map<string, TensorData>();
  for (const { name, shape, first, second } of parameters) {
    state.set(`first_moment.${name}`, { shape, data: first });
    state.set(`second_moment.${name}`, { shape, data: second });
  }
  return state.set("step", { shape: [1], data: Float32Array.of(steps) });
}

function normOf(parameters: readonly LargeParameter[], gradients: TensorGradients): number {
  let sum = 0;
  for (const { name, data } of parameters) {
    const gradient = gradients.get(name);
    assert.equal(gradient?.length, data.length, `gradient of ${name}`);
    for (const value of gradient) sum += value * value;
  }
  return Math.sqrt(sum);
}

function stepOne(
  { data, first, second }: LargeParameter,
  gradient: Float32Array,
  step: Partial<OptimizerSettings> & {
    readonly learningRate: number;
    readonly scale: number;
    readonly steps: number;
  },
): void {
  const { learningRate, scale, steps } = step;
  const { weightDecay = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = step;
  const keep = 1 - learningRate * weightDecay;
  const firstCorrection = 1 - beta1 ** steps;
  const secondCorrection = 1 - beta2 ** steps;
  for (let i = 0; i < data.length; i++) {
    const g = scale * gradient[i]!;
    const m = beta1 * first[i]! + (1 - beta1) * g;
    const v = beta2 * second[i]! + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    const size = Math.sqrt(v / secondCorrection) + epsilon;
    data[i] = keep * data[i]! - (learningRate * (m / firstCorrection)) / size;
  }
}
