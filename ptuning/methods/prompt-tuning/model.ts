import type { TuningMethod } from "../method.ts";
import { pTuning } from "../p-tuning/model.ts";
import { PROMPT_TUNING_LEARNING_RATE } from "./config.ts";

/** Prompt tuning: P-Tuning whose virtual tokens are trained themselves. @see Lester et al., arXiv 2104.08691 */
export const promptTuning: TuningMethod = {
  ...pTuning,
  learningRate: () => PROMPT_TUNING_LEARNING_RATE,
  create: (context) =>
    pTuning.create({ ...context, settings: { ...context.settings, encoder: "embedding" } }),
};
