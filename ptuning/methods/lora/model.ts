import { Random } from "../../../core/index.ts";
import {
  chooseModules,
  type DecoderConfig,
  type LoraShape,
  loraNames,
  type Module,
} from "../../../generator/index.ts";
import type { OptimizerSettings } from "../../optimizer.ts";
import { createTensorParameters } from "../../tensor-parameters.ts";
import type { TensorData, TensorMap } from "../../trainable.ts";
import type { TuneSettings } from "../../tune-settings.ts";
import { draftPrompt } from "../draft-prompt.ts";
import { uniform } from "../initial-values.ts";
import type { TrainedPrompt, TuningMethod } from "../method.ts";
import { defaultTargets, LORA_LEARNING_RATE } from "./config.ts";

/** LoRA: two narrow matrices beside each chosen projection. @see Hu et al., arXiv 2106.09685 */
export const lora: TuningMethod = {
  learningRate: () => LORA_LEARNING_RATE,
  target: (settings, { config }) => ({ kind: "lora", shape: loraShape(settings, config) }),
  keepsPassages: false,
  virtualTokens: () => 0,
  create: async ({ settings, generator, optimizer }) => {
    const { config } = generator.model;
    const shape = loraShape(settings, config);
    const tensors = initialMatrices(loraModules(settings, config), shape.rank, settings.seed);
    return loraPrompt({ shape, tensors, optimizer });
  },
};

const loraModules = ({ targets }: TuneSettings, config: DecoderConfig) =>
  chooseModules(config, targets ?? defaultTargets(config));

/** @throws RagError config/invalid for a target that the model does not have */
export function loraShape(settings: TuneSettings, config: DecoderConfig): LoraShape {
  const modules = loraModules(settings, config).map(({ path }) => path);
  return { rank: settings.rank, scale: settings.alpha / settings.rank, modules };
}

/** A uniform in ±1/√columns, B zero: the model starts as it is. @see PEFT 0.21 LoraLayer.reset_lora_parameters */
function initialMatrices(modules: readonly Module[], rank: number, seed: number): TensorMap {
  const random = new Random(seed);
  return new Map(
    modules.flatMap(({ path, rows, columns }): [string, TensorData][] => {
      const names = loraNames(path);
      return [
        [names.a, uniform(random, [rank, columns], 1 / Math.sqrt(columns))],
        [names.b, { shape: [rows, rank], data: new Float32Array(rows * rank) }],
      ];
    }),
  );
}

/** `tensors`: A and B of every module, in the shape's order. */
export async function loraPrompt(options: {
  readonly shape: LoraShape;
  readonly tensors: TensorMap;
  readonly optimizer: OptimizerSettings;
}): Promise<TrainedPrompt> {
  const { shape, tensors, optimizer } = options;
  const trainable = await createTensorParameters({ tensors, optimizer });
  return draftPrompt(trainable, (matrices, identity) => ({
    kind: "lora",
    count: 0,
    identity,
    shape,
    matrices,
  }));
}
