import { createLargeParameters } from "../../large-parameters.ts";
import type { OptimizerSettings } from "../../optimizer.ts";
import type { TensorMap } from "../../trainable.ts";
import { draftPrompt } from "../draft-prompt.ts";
import type { TrainedPrompt, TuningMethod } from "../method.ts";
import { FULL_LEARNING_RATE } from "./config.ts";

/** Full fine-tuning: every weight, on a copy; the model it starts from stays as it is. */
export const full: TuningMethod = {
  learningRate: () => FULL_LEARNING_RATE,
  target: () => ({ kind: "full" }),
  keepsPassages: false,
  virtualTokens: () => 0,
  create: async ({ generator, optimizer }) =>
    fullPrompt(await generator.trainableWeights(), optimizer),
};

/** `weights`: all of them, by the layout's names. */
export function fullPrompt(weights: TensorMap, optimizer: OptimizerSettings): TrainedPrompt {
  const trainable = createLargeParameters({ tensors: weights, optimizer });
  return draftPrompt(trainable, (tensors, identity) => ({
    kind: "full",
    count: 0,
    identity,
    weights: tensors,
  }));
}
