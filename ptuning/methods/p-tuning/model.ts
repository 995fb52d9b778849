import { createPromptEncoder, type PromptEncoder } from "../encoders/prompt-encoder.ts";
import { initialTokens } from "../initial-tokens.ts";
import { stepOptions, type TrainedPrompt, type TuningMethod } from "../method.ts";
import { P_TUNING_LEARNING_RATES } from "./config.ts";

/** P-Tuning: an encoder makes the virtual tokens. @see Liu et al., arXiv 2103.10385 */
export const pTuning: TuningMethod = {
  learningRate: ({ encoder }) => P_TUNING_LEARNING_RATES[encoder],
  target: () => ({ kind: "virtual" }),
  keepsPassages: true,
  virtualTokens: ({ tokens }) => tokens,
  create: async ({ settings, generator, optimizer }) => {
    const ids = initialTokens(settings, generator.model);
    const encoder = await createPromptEncoder({
      kind: settings.encoder,
      virtualTokens: settings.tokens,
      width: generator.model.config.width,
      hiddenSize: settings.encoderHiddenSize,
      initial: ids ? await generator.embeddings(ids) : "random",
      seed: settings.seed,
      optimizer,
    });
    return virtualTokensPrompt(encoder, settings.tokens);
  },
};

/** An encoder whose output [K, H] stands among the token embeddings. */
export const virtualTokensPrompt = (encoder: PromptEncoder, count: number): TrainedPrompt => ({
  trainable: encoder,
  conditioning: () => ({ kind: "virtual", count, rows: encoder.forward() }),
  step: ([gradient], learningRate) => encoder.step(gradient!, stepOptions(learningRate)),
});
