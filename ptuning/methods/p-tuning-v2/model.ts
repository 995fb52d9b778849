import { Random } from "../../../core/index.ts";
import type { DecoderConfig, Generator } from "../../../generator/index.ts";
import type { OptimizerSettings } from "../../optimizer.ts";
import type { DeepTokens } from "../../prompt-tensors.ts";
import { createTensorParameters } from "../../tensor-parameters.ts";
import type { TensorData } from "../../trainable.ts";
import { initialTokens } from "../initial-tokens.ts";
import { normal } from "../initial-values.ts";
import {
  type MethodContext,
  stepOptions,
  type TrainedPrompt,
  type TuningMethod,
} from "../method.ts";
import { DEEP_LEARNING_RATE } from "./config.ts";

/**
 * P-Tuning v2 at SPRING's place: K key and value rows at every layer, after the passages. Keys are trained before rotation.
 * @see Liu et al., arXiv 2110.07602
 */
export const pTuningV2: TuningMethod = {
  learningRate: () => DEEP_LEARNING_RATE,
  target: () => ({ kind: "deep" }),
  keepsPassages: true,
  virtualTokens: ({ tokens }) => tokens,
  create: async ({ settings, generator, optimizer }) =>
    deepTokensPrompt(await initialRows(settings, generator), {
      config: generator.model.config,
      count: settings.tokens,
      optimizer,
    }),
};

/** Keys (before rotation) and values of the tokens it starts as, or standard normal numbers. */
async function initialRows(
  settings: MethodContext["settings"],
  generator: Generator,
): Promise<DeepTokens> {
  const ids = initialTokens(settings, generator.model);
  if (ids) return generator.deepTokens(ids);
  const { layers, keyValueHeads, headDimension } = generator.model.config;
  const random = new Random(settings.seed);
  const draw = () => normal(random, [keyValueHeads, settings.tokens, headDimension]).data;
  return {
    keys: Array.from({ length: layers }, draw),
    values: Array.from({ length: layers }, draw),
  };
}

/** Rows at every layer, each trained as it is. */
export async function deepTokensPrompt(
  start: DeepTokens,
  options: {
    readonly config: Pick<DecoderConfig, "layers" | "keyValueHeads" | "headDimension">;
    readonly count: number;
    readonly optimizer: OptimizerSettings;
  },
): Promise<TrainedPrompt> {
  const { config, count, optimizer } = options;
  const shape = [config.keyValueHeads, count, config.headDimension];
  const names = Array.from({ length: config.layers }, (_, layer) => deepTensorNames(layer));
  const tensors = new Map<string, TensorData>();
  for (const [layer, { key, value }] of names.entries()) {
    tensors.set(key, { shape, data: start.keys[layer]! });
    tensors.set(value, { shape, data: start.values[layer]! });
  }
  const trainable = await createTensorParameters({ tensors, optimizer });
  const order = [...tensors.keys()];
  return {
    trainable,
    conditioning: () => {
      const values = trainable.forward();
      const read = (name: string) => values.get(name)!.data;
      return {
        kind: "deep",
        count,
        keys: names.map(({ key }) => read(key)),
        values: names.map(({ value }) => read(value)),
      };
    },
    step: (gradients, learningRate) =>
      trainable.step(
        new Map(order.map((name, index) => [name, gradients[index]!])),
        stepOptions(learningRate),
      ),
  };
}

const deepTensorNames = (layer: number) => ({
  key: `deep.${layer}.key`,
  value: `deep.${layer}.value`,
});
