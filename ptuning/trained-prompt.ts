import assert from "node:assert/strict";
import { RagError } from "../core/index.ts";
import type { Conditioning, Generator, LossAndGradient } from "../generator/index.ts";
import { createPromptEncoder } from "./encoders/prompt-encoder.ts";
import type { PromptContent } from "./prompt-tensors.ts";
import { createTensorParameters } from "./tensor-parameters.ts";
import type { StepReport, TensorData, Trainable } from "./trainable.ts";
import { encoderOf, learningRateOf, type TuneSettings } from "./tune-settings.ts";

/** A prompt while it is trained: what the model reads, and where its gradient goes. */
export interface TrainedPrompt {
  readonly trainable: Pick<
    Trainable<unknown, unknown>,
    "parameterCount" | "save" | "load" | "optimizerState" | "restore" | "dispose"
  >;
  conditioning(): Conditioning;
  step(gradients: LossAndGradient["gradients"], learningRate: number): StepReport;
}

/**
 * A fresh prompt of the chosen method, starting as the instruction text (repeated or cut to the number of tokens).
 * @throws RagError config/invalid for a method that is not built yet
 */
export async function createTrainedPrompt(
  settings: TuneSettings,
  generator: Generator,
): Promise<TrainedPrompt> {
  const ids = instructionIds(settings, generator);
  if (settings.method === "p-tuning-v2") return deepPrompt(settings, generator, ids);
  if (settings.method === "p-tuning" || settings.method === "prompt-tuning") {
    return virtualPrompt(settings, generator, ids);
  }
  throw new RagError(
    "config/invalid",
    `method "${settings.method}": cannot be trained yet; use p-tuning, p-tuning-v2 or prompt-tuning.`,
    { param: "method" },
  );
}

function instructionIds({ instruction, tokens }: TuneSettings, { model }: Generator): number[] {
  const ids = model.tokenizer.encode(instruction);
  return Array.from({ length: tokens }, (_, index) => ids[index % ids.length]!);
}

const optimizerOf = (settings: TuneSettings) => ({
  learningRate: learningRateOf(settings),
  weightDecay: settings.weightDecay,
  maxGradientNorm: settings.maxGradientNorm,
});

/** P-Tuning and prompt tuning: token embeddings. @see Liu et al., arXiv 2103.10385; Lester et al., arXiv 2104.08691 */
async function virtualPrompt(
  settings: TuneSettings,
  generator: Generator,
  ids: readonly number[],
): Promise<TrainedPrompt> {
  const trainable = await createPromptEncoder({
    kind: encoderOf(settings),
    virtualTokens: settings.tokens,
    width: generator.model.config.width,
    hiddenSize: settings.encoderHiddenSize,
    initial: await generator.embeddings(ids),
    seed: settings.seed,
    optimizer: optimizerOf(settings),
  });
  return {
    trainable,
    conditioning: () => ({ kind: "virtual", count: settings.tokens, rows: trainable.forward() }),
    step: ([gradient], learningRate) => trainable.step(gradient!, { learningRate }),
  };
}

/** Deep tokens: rows among every layer's keys and values. @see Liu et al., arXiv 2110.07602 */
async function deepPrompt(
  settings: TuneSettings,
  generator: Generator,
  ids: readonly number[],
): Promise<TrainedPrompt> {
  const { keyValueHeads, headDimension, layers } = generator.model.config;
  const start = await generator.deepTokens(ids);
  const shape = [keyValueHeads, settings.tokens, headDimension];
  const names = Array.from({ length: layers }, (_, layer) => deepTensorNames(layer));
  const tensors = new Map<string, TensorData>();
  for (const [layer, { key, value }] of names.entries()) {
    tensors.set(key, { shape, data: start.keys[layer]! });
    tensors.set(value, { shape, data: start.values[layer]! });
  }
  const trainable = await createTensorParameters({ tensors, optimizer: optimizerOf(settings) });
  const order = [...tensors.keys()];
  return {
    trainable,
    conditioning: () => {
      const values = trainable.forward();
      const read = (name: string) => values.get(name)!.data;
      return {
        kind: "deep",
        count: settings.tokens,
        keys: names.map(({ key }) => read(key)),
        values: names.map(({ value }) => read(value)),
      };
    },
    step: (gradients, learningRate) =>
      trainable.step(new Map(order.map((name, index) => [name, gradients[index]!])), {
        learningRate,
      }),
  };
}

const deepTensorNames = (layer: number) => ({
  key: `deep.${layer}.key`,
  value: `deep.${layer}.value`,
});

/** What is saved of a conditioning. */
export function contentOf(conditioning: Conditioning): PromptContent {
  if (conditioning.kind === "virtual") return { virtualTokens: conditioning.rows };
  assert.ok("keys" in conditioning, conditioning.kind);
  return { deep: { keys: conditioning.keys, values: conditioning.values } };
}
