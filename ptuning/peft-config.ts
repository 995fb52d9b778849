import type { PromptDescription } from "./prompt-record.ts";

const PEFT_VERSION = "0.21.2";

/**
 * `adapter_config.json` with the fields PEFT 0.21.2 writes for the method; undefined where PEFT has no method that
 * computes the same (see `prompt-tensors.ts`). A p-tuning prompt whose encoder is "embedding" is PEFT's PROMPT_TUNING.
 */
export function peftConfig(about: PromptDescription): object | undefined {
  if (about.method === "p-tuning-v2") return undefined;
  if (about.method === "prefix-tuning") return prefixTuning(about);
  return about.encoder.kind === "embedding" ? promptTuning(about) : pTuning(about);
}

function pTuning(about: PromptDescription): object {
  const { attentionHeads, width } = about.baseModel;
  return {
    ...shared(about, "P_TUNING"),
    encoder_dropout: 0.0,
    encoder_hidden_size: about.encoder.hiddenSize,
    encoder_num_layers: 2,
    encoder_reparameterization_type: about.encoder.kind.toUpperCase(),
    num_attention_heads: attentionHeads,
    token_dim: width,
  };
}

function promptTuning(about: PromptDescription): object {
  const { attentionHeads, width } = about.baseModel;
  return {
    ...shared(about, "PROMPT_TUNING"),
    num_attention_heads: attentionHeads,
    prompt_tuning_init: "RANDOM", // the tensor is loaded over it
    prompt_tuning_init_text: null,
    token_dim: width,
    tokenizer_kwargs: null,
    tokenizer_name_or_path: null,
  };
}

function prefixTuning(about: PromptDescription): object {
  const { keyValueHeads, headDimension } = about.baseModel;
  const rowWidth = keyValueHeads * headDimension;
  return {
    ...shared(about, "PREFIX_TUNING"),
    encoder_hidden_size: rowWidth,
    init_weights: null,
    num_attention_heads: keyValueHeads,
    prefix_projection: false,
    token_dim: rowWidth,
  };
}

function shared({ baseModel, virtualTokens }: PromptDescription, type: string): object {
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
