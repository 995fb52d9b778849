import type { PromptDescription } from "../../prompt-record.ts";
import { sharedPeftFields } from "../peft-fields.ts";

/** Of raw rows, and of the network that makes them. */
export const PREFIX_LEARNING_RATES = { rows: 1e-2, projection: 1e-3 } as const;

/** `adapter_config.json` of PEFT's PREFIX_TUNING. With a projection, PEFT too saves only the rows it gives. */
export function prefixTuningPeftConfig(about: PromptDescription): object {
  const { keyValueHeads, headDimension } = about.baseModel;
  const rowWidth = keyValueHeads * headDimension;
  const hasProjection = about.encoder.kind === "projection";
  return {
    ...sharedPeftFields(about, "PREFIX_TUNING"),
    encoder_hidden_size: hasProjection ? about.encoder.hiddenSize : rowWidth,
    init_weights: null,
    num_attention_heads: keyValueHeads,
    prefix_projection: hasProjection,
    token_dim: rowWidth,
  };
}
