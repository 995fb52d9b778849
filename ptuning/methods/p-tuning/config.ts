import type { PromptDescription } from "../../prompt-record.ts";
import { sharedPeftFields } from "../peft-fields.ts";

/** By encoder: starting values, found by hand; --find-learning-rate finds one for given pairs. */
export const P_TUNING_LEARNING_RATES = { embedding: 1e-2, mlp: 1e-3, lstm: 1e-3 } as const;

/** `adapter_config.json` of PEFT's P_TUNING. */
export function pTuningPeftConfig(about: PromptDescription): object {
  const { attentionHeads, width } = about.baseModel;
  return {
    ...sharedPeftFields(about, "P_TUNING"),
    encoder_dropout: 0.0,
    encoder_hidden_size: about.encoder.hiddenSize,
    encoder_num_layers: 2,
    encoder_reparameterization_type: about.encoder.kind.toUpperCase(),
    num_attention_heads: attentionHeads,
    token_dim: width,
  };
}
