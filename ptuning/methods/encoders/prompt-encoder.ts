import assert from "node:assert/strict";
import type { Tensor, Tensor2D } from "@tensorflow/tfjs";
import { Random } from "../../../core/index.ts";
import { loadTensorFlow, type TensorFlow } from "../../backend.ts";
import { AdamW, type OptimizerSettings } from "../../optimizer.ts";
import {
  type NamedParameter,
  requireTensor,
  type StepOptions,
  type StepReport,
  type TensorMap,
  type Trainable,
} from "../../trainable.ts";
import {
  countParameters,
  createVariables,
  readVariables,
  withTensors,
  writeVariables,
} from "../../variables.ts";
import { embeddingNetwork } from "./embedding.ts";
import { lstmNetwork } from "./lstm.ts";
import { mlpNetwork } from "./mlp.ts";
import { EMBEDDING, type EncoderNetwork, type EncoderSizes } from "./network.ts";
import { projectionNetwork } from "./projection.ts";

/** "projection" is the network of prefix-tuning; the others make virtual tokens. */
export type EncoderKind = "embedding" | "mlp" | "lstm" | "projection";

/** Trained arrays that become K virtual tokens: `forward` gives and `step` takes the gradient of f32 [K·H]. */
export interface PromptEncoder extends Trainable<Float32Array, Float32Array> {
  readonly kind: EncoderKind;
}

export interface PromptEncoderOptions {
  readonly kind: EncoderKind;
  /** K, at least 1. */
  readonly virtualTokens: number;
  /** H, the model's hidden width; for a prefix, the width of its keys. */
  readonly width: number;
  /** Numbers that come out per virtual token; the width unless it is a "projection". */
  readonly outputs?: number;
  /** Width inside the networks; "embedding" ignores it. */
  readonly hiddenSize: number;
  /** "random" as PyTorch initialises, or the embeddings [K, H] (of an instruction text) to start at exactly. */
  readonly initial: "random" | Float32Array;
  readonly seed: number;
  readonly optimizer: OptimizerSettings;
}

const NETWORKS: Readonly<Record<EncoderKind, EncoderNetwork>> = {
  embedding: embeddingNetwork,
  mlp: mlpNetwork,
  lstm: lstmNetwork,
  projection: projectionNetwork,
};
const START_TARGET = "foreword.start.target";
const START_OUTPUT = "foreword.start.output";

/**
 * A prompt encoder with PEFT's names and shapes.
 *
 * Networks start at a text by a fixed offset: virtual tokens = network(θ) − network(θ₀) + text. At step 0
 * that is the text to the last bit, gradients are the network's own, and the network keeps PyTorch's
 * initialisation. The two constant arrays are saved with the parameters; a PEFT adapter holds only the sum.
 */
export async function createPromptEncoder(options: PromptEncoderOptions): Promise<PromptEncoder> {
  const { kind, virtualTokens, width, hiddenSize, initial } = options;
  const outputs = outputsOf(options);
  const sizes: EncoderSizes = { virtualTokens, width, hiddenSize, outputs };
  const isFitting = initial === "random" || initial.length === virtualTokens * outputs;
  assert.ok(isFitting, "initial is [K, outputs]");
  const { tf } = await loadTensorFlow();
  const values = NETWORKS[kind].initialise(sizes, new Random(options.seed));
  if (kind === "embedding" && initial !== "random") {
    values.set(EMBEDDING, { shape: [virtualTokens, width], data: initial });
  }
  const encoder = new TensorFlowEncoder(tf, options, createVariables(tf, values));
  if (kind !== "embedding" && initial !== "random") encoder.startAt(initial);
  return encoder;
}

const outputsOf = ({ kind, width, outputs }: PromptEncoderOptions): number =>
  kind === "projection" ? (outputs ?? width) : width;

class TensorFlowEncoder implements PromptEncoder {
  readonly kind: EncoderKind;
  readonly parameters: readonly NamedParameter[];
  readonly parameterCount: number;
  readonly #tf: TensorFlow;
  readonly #shape: readonly [number, number];
  readonly #optimizer: AdamW;
  #start: { readonly target: Float32Array; readonly output: Float32Array } | undefined;

  constructor(
    tf: TensorFlow,
    options: PromptEncoderOptions,
    parameters: readonly NamedParameter[],
  ) {
    this.kind = options.kind;
    this.parameters = parameters;
    this.parameterCount = countParameters(parameters);
    this.#tf = tf;
    this.#shape = [options.virtualTokens, outputsOf(options)];
    this.#optimizer = new AdamW(tf, parameters, options.optimizer);
  }

  /** From here on the output is `target` plus what training changes. target: [K·H] */
  startAt(target: Float32Array): void {
    this.#start = { target: Float32Array.from(target), output: this.#networkOutput() };
  }

  forward(): Float32Array {
    const output = this.#networkOutput();
    const start = this.#start;
    if (start === undefined) return output;
    // In doubles, so that an unchanged network gives the target exactly.
    return output.map((value, i) => value - start.output[i]! + start.target[i]!);
  }

  step(gradient: Float32Array, options?: StepOptions): StepReport {
    assert.equal(gradient.length, this.#shape[0] * this.#shape[1], "gradient is [K, H]");
    return withTensors(this.#pullBack(gradient), (gradients) =>
      this.#optimizer.step(gradients, options),
    );
  }

  save(): TensorMap {
    const saved = readVariables(this.parameters);
    if (this.#start !== undefined) {
      saved.set(START_TARGET, { shape: this.#shape, data: this.#start.target.slice() });
      saved.set(START_OUTPUT, { shape: this.#shape, data: this.#start.output.slice() });
    }
    return saved;
  }

  load(saved: TensorMap): void {
    const isShifted = saved.has(START_TARGET) || saved.has(START_OUTPUT);
    const read = (name: string) => requireTensor(saved, name, this.#shape).slice();
    const start = isShifted
      ? { target: read(START_TARGET), output: read(START_OUTPUT) }
      : undefined;
    writeVariables(this.#tf, this.parameters, saved);
    this.#start = start;
  }

  optimizerState(): Promise<TensorMap> {
    return this.#optimizer.save();
  }

  restore(state: TensorMap): Promise<void> {
    return this.#optimizer.restore(state);
  }

  dispose(): void {
    this.#optimizer.dispose();
    for (const { variable } of this.parameters) variable.dispose();
  }

  #network(arrays: readonly Tensor[]): Tensor2D {
    const byName = new Map(this.parameters.map(({ name }, index) => [name, arrays[index]!]));
    return NETWORKS[this.kind].forward(this.#tf, (name) => {
      const array = byName.get(name);
      assert.ok(array, name);
      return array as Tensor2D; // a bias has one axis and is only ever added
    });
  }

  #networkOutput(): Float32Array {
    const variables = this.parameters.map(({ variable }) => variable);
    return this.#tf.tidy(() => Float32Array.from(this.#network(variables).dataSync()));
  }

  /** d loss / d parameters, in their order; the caller frees the tensors. */
  #pullBack(gradient: Float32Array): Tensor[] {
    const tf = this.#tf;
    const variables = this.parameters.map(({ variable }) => variable);
    return tf.tidy(() => {
      const dy = tf.tensor2d(gradient, [...this.#shape]);
      return tf.grads((...arrays: Tensor[]) => this.#network(arrays))(variables, dy);
    });
  }
}
