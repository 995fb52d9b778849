import { rotateRows } from "../../../generator/index.ts";
import { type PrefixSizes, packPrefix, unpackPrefix } from "../../prefix-rows.ts";
import { createPromptEncoder, type PromptEncoder } from "../encoders/prompt-encoder.ts";
import { initialTokens } from "../initial-tokens.ts";
import {
  type MethodContext,
  stepOptions,
  type TrainedPrompt,
  type TuningMethod,
} from "../method.ts";
import { PREFIX_LEARNING_RATES } from "./config.ts";

/**
 * Prefix-tuning: K key and value rows at every layer in front of everything, trained themselves or made by a network
 * (`projection`). @see Li and Liang, arXiv 2101.00190; PEFT 0.21 PrefixEncoder
 */
export const prefixTuning: TuningMethod = {
  learningRate: ({ projection }) => PREFIX_LEARNING_RATES[projection ? "projection" : "rows"],
  target: () => ({ kind: "prefix" }),
  keepsPassages: false,
  virtualTokens: ({ tokens }) => tokens,
  create: async ({ settings, generator, optimizer }) => {
    const { layers, keyValueHeads, headDimension } = generator.model.config;
    const sizes = { layers, keyValueHeads, headDimension, virtualTokens: settings.tokens };
    const encoder = await createPromptEncoder({
      kind: settings.projection ? "projection" : "embedding",
      virtualTokens: settings.tokens,
      width: (settings.projection ? 1 : 2 * layers) * keyValueHeads * headDimension,
      outputs: 2 * layers * keyValueHeads * headDimension,
      hiddenSize: settings.encoderHiddenSize,
      initial: await initialPrefix({ settings, generator }, sizes),
      seed: settings.seed,
      optimizer,
    });
    return prefixPrompt(encoder, sizes);
  },
};

/** Keys as they stand at the first positions, and values, of the tokens it starts as. */
async function initialPrefix(
  { settings, generator }: Pick<MethodContext, "settings" | "generator">,
  sizes: PrefixSizes,
): Promise<"random" | Float32Array> {
  const ids = initialTokens(settings, generator.model);
  if (!ids) return "random";
  const { keys, values, count } = await generator.deepTokens(ids);
  const rotated = keys.map((key) => rotateRows(key, generator.model.config, 0, count));
  return packPrefix(sizes, { keys: rotated, values });
}

/** An encoder whose output [K, layers · 2 · heads · D] is PEFT's past_key_values. */
export const prefixPrompt = (encoder: PromptEncoder, sizes: PrefixSizes): TrainedPrompt => ({
  trainable: encoder,
  conditioning: () => ({
    kind: "prefix",
    count: sizes.virtualTokens,
    ...unpackPrefix(sizes, encoder.forward()),
  }),
  step: (gradients, learningRate) => {
    const keys = gradients.filter((_, index) => index % 2 === 0);
    const values = gradients.filter((_, index) => index % 2 === 1);
    return encoder.step(packPrefix(sizes, { keys, values }), stepOptions(learningRate));
  },
});
