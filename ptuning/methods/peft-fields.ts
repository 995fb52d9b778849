import type { PromptDescription } from "../prompt-record.ts";

/** The release whose files these are. */
export const PEFT_VERSION = "0.21.2";

/** The fields that every prompt-learning configuration of PEFT has. */
export function sharedPeftFields(
  { baseModel, virtualTokens }: PromptDescription,
  type: string,
): object {
  return {
    auto_mapping: null,
    base_model_name_or_path: baseModel.name,
    inference_mode: true,
    modules_to_save: null,
    num_layers: baseModel.layers,
    num_transformer_submodules: 1,
    num_virtual_tokens: virtualTokens,
    peft_type: type,
    peft_version: PEFT_VERSION,
    revision: null,
    task_type: "CAUSAL_LM",
  };
}
