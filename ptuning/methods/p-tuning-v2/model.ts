import { Random } from "../../../core/index.ts";
import type { DecoderConfig, Generator, QueryChange } from "../../../generator/index.ts";
import type { OptimizerSettings } from "../../optimizer.ts";
import { type DeepTokens, queryTensors } from "../../prompt-tensors.ts";
import { createTensorParameters } from "../../tensor-parameters.ts";
import type { TensorData, TensorMap } from "../../trainable.ts";
import { initialTokens } from "../initial-tokens.ts";
import type { MethodContext, TrainedPrompt, TuningMethod } from "../method.ts";
import { normal, uniform } from "../p-tuning/encoders/network.ts";
import { stepOptions } from "../p-tuning/model.ts";
import { DEEP_LEARNING_RATE, QUERY_RATE_SHARE } from "./config.ts";

/**
 * P-Tuning v2 at SPRING's place: K key and value rows at every layer, after the passages; with a query rank also a change of the queries
 * behind them. Keys are trained before rotation.
 * @see Liu et al., arXiv 2110.07602
 */
export const pTuningV2: TuningMethod = {
  learningRate: () => DEEP_LEARNING_RATE,
  target: ({ queryRank }) => ({ kind: "deep", queryRank }),
  keepsPassages: true,
  virtualTokens: ({ tokens }) => tokens,
  create: async ({ settings, generator, optimizer }) => {
    const { config } = generator.model;
    const rows = await initialRows(settings, generator);
    const { queryRank: rank, tokens: count, seed } = settings;
    const start = rank > 0 ? { ...rows, queries: initialQueries(config, rank, seed) } : rows;
    return deepTokensPrompt(start, { config, count, optimizer });
  },
};

/** Keys (before rotation) and values of the tokens it starts as, or standard normal numbers. */
async function initialRows(
  settings: MethodContext["settings"],
  generator: Generator,
): Promise<DeepTokens> {
  const ids = initialTokens(settings, generator.model);
  if (ids) {
    const { keys, values } = await generator.deepTokens(ids);
    return { keys, values };
  }
  const { layers, keyValueHeads, headDimension } = generator.model.config;
  const random = new Random(settings.seed);
  const draw = () => normal(random, [keyValueHeads, settings.tokens, headDimension]).data;
  return {
    keys: Array.from({ length: layers }, draw),
    values: Array.from({ length: layers }, draw),
  };
}

/** As LoRA begins: A uniform in ±1/√H, B zero, so that nothing is changed yet. @see PEFT 0.21 LoraLayer.reset_lora_parameters */
function initialQueries(config: DecoderConfig, rank: number, seed: number): QueryChange {
  const { layers, width, heads, headDimension } = config;
  const random = new Random(seed);
  const draw = () => uniform(random, [rank, width], 1 / Math.sqrt(width)).data;
  return {
    rank,
    down: Array.from({ length: layers }, draw),
    up: Array.from({ length: layers }, () => new Float32Array(heads * headDimension * rank)),
  };
}

/** Rows at every layer, each trained as it is, and the matrices that change queries. */
export async function deepTokensPrompt(
  start: DeepTokens,
  options: {
    readonly config: Pick<
      DecoderConfig,
      "layers" | "keyValueHeads" | "headDimension" | "heads" | "width"
    >;
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
  const queries = start.queries && new TrainedQueries(start.queries, config);
  for (const [name, tensor] of queries?.tensors ?? []) tensors.set(name, tensor);
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
        ...(queries ? { queries: queries.read(values) } : {}),
      };
    },
    step: (gradients, learningRate) =>
      trainable.step(
        new Map(
          order.map((name, index) => {
            const gradient = gradients[index]!;
            return [
              name,
              queries?.tensors.has(name) ? scaled(gradient, QUERY_RATE_SHARE) : gradient,
            ];
          }),
        ),
        stepOptions(learningRate),
      ),
  };
}

/** The matrices of a query change, trained at {@link QUERY_RATE_SHARE} times their size, so that one step size suits them and the rows. */
class TrainedQueries {
  readonly tensors: TensorMap;
  readonly #rank: number;

  constructor(
    start: QueryChange,
    config: Pick<DecoderConfig, "heads" | "headDimension" | "width">,
  ) {
    const sizes = { ...config, attentionHeads: config.heads };
    this.#rank = start.rank;
    this.tensors = new Map(
      queryTensors(start, sizes).map(([name, { shape, data }]) => [
        name,
        { shape, data: scaled(data, 1 / QUERY_RATE_SHARE) },
      ]),
    );
  }

  read(values: TensorMap): QueryChange {
    const names = [...this.tensors.keys()];
    const of = (part: number) =>
      names
        .filter((_, index) => index % 2 === part)
        .map((name) => scaled(values.get(name)!.data, QUERY_RATE_SHARE));
    return { rank: this.#rank, down: of(0), up: of(1) };
  }
}

const scaled = (numbers: Float32Array, factor: number) => numbers.map((one) => one * factor);

const deepTensorNames = (layer: number) => ({
  key: `deep.${layer}.key`,
  value: `deep.${layer}.value`,
});
