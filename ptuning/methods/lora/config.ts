import { type DecoderConfig, linearModules } from "../../../generator/index.ts";
import type { PromptDescription } from "../../prompt-record.ts";
import { PEFT_VERSION } from "../peft-fields.ts";

export const LORA_LEARNING_RATE = 2e-4;

/** Where LoRA goes unless said otherwise: all of attention. */
export function defaultTargets(config: DecoderConfig): readonly string[] {
  const isSplit = linearModules(config).some(({ path }) => path.endsWith(".q_proj"));
  return isSplit ? ["q_proj", "k_proj", "v_proj", "o_proj"] : ["c_attn", "attn.c_proj"];
}

/** `adapter_config.json` of PEFT's LORA, with every field PEFT 0.21.2 writes. */
export function loraPeftConfig({ baseModel, lora }: PromptDescription): object {
  return {
    alora_invocation_tokens: null,
    alpha_pattern: {},
    arrow_config: null,
    auto_mapping: null,
    base_model_name_or_path: baseModel.name,
    bias: "none",
    corda_config: null,
    ensure_weight_tying: false,
    eva_config: null,
    exclude_modules: null,
    fan_in_fan_out: lora?.isTransposed ?? false,
    inference_mode: true,
    init_lora_weights: true,
    kasa_config: null,
    layer_replication: null,
    layers_pattern: null,
    layers_to_transform: null,
    loftq_config: {},
    lora_alpha: lora?.alpha,
    lora_bias: false,
    lora_dropout: 0.0,
    lora_ga_config: null,
    megatron_config: null,
    megatron_core: "megatron.core",
    modules_to_save: null,
    monteclora_config: null,
    peft_type: "LORA",
    peft_version: PEFT_VERSION,
    qalora_group_size: 16,
    r: lora?.rank,
    rank_pattern: {},
    revision: null,
    target_modules: lora?.targets,
    target_parameters: null,
    task_type: "CAUSAL_LM",
    trainable_token_indices: null,
    use_bdlora: null,
    use_dora: false,
    use_qalora: false,
    use_rslora: false,
    velora_config: null,
  };
}
