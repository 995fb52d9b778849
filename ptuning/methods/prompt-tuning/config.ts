import type { PromptDescription } from "../../prompt-record.ts";
import { sharedPeftFields } from "../peft-fields.ts";

/** Of raw embeddings; PEFT's usual 1e-4 learns almost nothing. */
export const PROMPT_TUNING_LEARNING_RATE = 1e-2;

/** `adapter_config.json` of PEFT's PROMPT_TUNING. */
export function promptTuningPeftConfig(about: PromptDescription): object {
  const { attentionHeads, width } = about.baseModel;
  return {
    ...sharedPeftFields(about, "PROMPT_TUNING"),
    num_attention_heads: attentionHeads,
    prompt_tuning_init: "RANDOM", // the tensor is loaded over it
    prompt_tuning_init_text: null,
    token_dim: width,
    tokenizer_kwargs: null,
    tokenizer_name_or_path: null,
  };
}
