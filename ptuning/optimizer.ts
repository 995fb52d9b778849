import type { AdamOptimizer, Tensor } from "@tensorflow/tfjs";
import { RagError } from "../core/index.ts";
import type { TensorFlow } from "./backend.ts";
import { clippingScale } from "./gradient-clipping.ts";
import {
  type NamedParameter,
  requireTensor,
  type StepOptions,
  type StepReport,
  type TensorData,
  type TensorMap,
} from "./trainable.ts";

export interface OptimizerSettings {
  /** Step size, used where a step names no other. */
  readonly learningRate: number;
  /** Decoupled decay: every step first shrinks a parameter by learningRate · weightDecay. Default 0. */
  readonly weightDecay?: number;
  /** Default 0.9. */
  readonly beta1?: number;
  /** Default 0.999. */
  readonly beta2?: number;
  /** Default 1e-8. */
  readonly epsilon?: number;
  /** The whole gradient is scaled down to this Euclidean norm; Infinity: never. Default 1. */
  readonly maxGradientNorm?: number;
}

const STEP = "step";
const BETA_POWERS = "beta_powers";

/**
 * AdamW: `tf.train.adam` with decoupled weight decay and global-norm clipping, in PyTorch's order
 * (clip, decay, Adam). It owns its moments, not the parameters.
 * @see Loshchilov and Hutter, arXiv 1711.05101
 */
export class AdamW {
  readonly #tf: TensorFlow;
  readonly #parameters: readonly NamedParameter[];
  readonly #settings: Required<OptimizerSettings>;
  #adam: ScheduledAdam;
  #steps = 0;

  constructor(tf: TensorFlow, parameters: readonly NamedParameter[], settings: OptimizerSettings) {
    this.#tf = tf;
    this.#parameters = parameters;
    this.#settings = {
      weightDecay: 0,
      beta1: 0.9,
      beta2: 0.999,
      epsilon: 1e-8,
      maxGradientNorm: 1,
      ...settings,
    };
    this.#adam = createAdam(tf, this.#settings);
  }

  /** One step; `gradients` are in the parameters' order. @throws RagError train/diverged */
  step(gradients: readonly Tensor[], options: StepOptions = {}): StepReport {
    const learningRate = options.learningRate ?? this.#settings.learningRate;
    const gradientNorm = globalNorm(gradients);
    const { maxGradientNorm } = this.#settings;
    const step = this.#steps + 1;
    const scale = clippingScale(gradientNorm, { maxGradientNorm, step, learningRate });
    this.#tf.tidy(() => {
      this.#decay(learningRate);
      const scaled = this.#parameters.map(({ variable }, index) => {
        const gradient = gradients[index]!;
        return { name: variable.name, tensor: scale < 1 ? gradient.mul(scale) : gradient };
      });
      this.#adam.setLearningRate(learningRate);
      this.#adam.applyGradients(scaled);
    });
    this.#steps++;
    return { gradientNorm };
  }

  /** The moments under `first_moment.NAME` and `second_moment.NAME`, `step` [1], `beta_powers` [2]. */
  async save(): Promise<TensorMap> {
    const state = new Map<string, TensorData>();
    const [iterations, ...moments] = await this.#adam.getWeights();
    iterations?.tensor.dispose(); // a copy; the moments are the optimizer's own
    for (const [index, { name, shape }] of this.#parameters.entries()) {
      const pair = [moments[index], moments[index + this.#parameters.length]];
      for (const [kind, moment] of pair.entries()) {
        const data = moment?.tensor.dataSync() ?? new Float32Array(sizeOf(shape));
        state.set(momentName(kind, name), { shape, data: Float32Array.from(data) });
      }
    }
    state.set(STEP, { shape: [1], data: Float32Array.of(this.#steps) });
    state.set(BETA_POWERS, { shape: [2], data: this.#adam.betaPowers() });
    return state;
  }

  /** Continues exactly from what {@link AdamW.save} gave. @throws RagError prompt/invalid */
  async restore(state: TensorMap): Promise<void> {
    const steps = requireTensor(state, STEP, [1])[0]!;
    const betaPowers = requireTensor(state, BETA_POWERS, [2]);
    const moments = [0, 1].flatMap((kind) =>
      this.#parameters.map(({ name, shape }) => {
        const data = requireTensor(state, momentName(kind, name), shape);
        return { name, data, shape: [...shape] };
      }),
    );
    const adam = createAdam(this.#tf, this.#settings);
    const tensors = moments.map(({ name, data, shape }) => ({
      name,
      tensor: this.#tf.tensor(data, shape, "float32"),
    }));
    const iterations = { name: "iter", tensor: this.#tf.scalar(steps, "int32") };
    try {
      await adam.setWeights([iterations, ...tensors]);
    } finally {
      for (const { tensor } of [iterations, ...tensors]) tensor.dispose();
    }
    adam.setBetaPowers(betaPowers);
    this.#adam.dispose();
    this.#adam = adam;
    this.#steps = steps;
  }

  dispose(): void {
    this.#adam.dispose();
  }

  #decay(learningRate: number): void {
    const keep = 1 - learningRate * this.#settings.weightDecay;
    if (keep === 1) return;
    for (const { variable } of this.#parameters) variable.assign(variable.mul(keep));
  }
}

interface ScheduledAdam extends AdamOptimizer {
  setLearningRate(rate: number): void;
  /** beta1 and beta2 to the power of the next step, as the running f32 products. */
  betaPowers(): Float32Array;
  setBetaPowers(powers: Float32Array): void;
}

/**
 * TensorFlow.js's Adam, with a rate that can change. Its `setWeights` recomputes the powers of the betas, which
 * differ from the running products in the last bits; restoring those makes a resumed run equal an unbroken one.
 */
function createAdam(tf: TensorFlow, settings: Required<OptimizerSettings>): ScheduledAdam {
  class Scheduled extends tf.AdamOptimizer {
    setLearningRate(rate: number): void {
      this.learningRate = rate;
    }
    betaPowers(): Float32Array {
      return Float32Array.from(
        ["accBeta1", "accBeta2"],
        (name) => this.#power(name).dataSync()[0]!,
      );
    }
    setBetaPowers(powers: Float32Array): void {
      tf.tidy(() => {
        this.#power("accBeta1").assign(tf.scalar(powers[0]!));
        this.#power("accBeta2").assign(tf.scalar(powers[1]!));
      });
    }
    #power(name: string) {
      const power: unknown = Reflect.get(this, name);
      if (power instanceof tf.Variable) return power;
      throw new RagError("internal", `TensorFlow.js: Adam keeps no "${name}"; another version?`);
    }
  }
  return new Scheduled(settings.learningRate, settings.beta1, settings.beta2, settings.epsilon);
}

function globalNorm(gradients: readonly Tensor[]): number {
  let sum = 0;
  for (const gradient of gradients) for (const value of gradient.dataSync()) sum += value * value;
  return Math.sqrt(sum);
}

const momentName = (kind: number, name: string) =>
  `${kind === 0 ? "first" : "second"}_moment.${name}`;

const sizeOf = (shape: readonly number[]) => shape.reduce((product, length) => product * length, 1);
