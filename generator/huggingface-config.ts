import { RagError } from "../core/index.ts";
import type { DecoderConfig } from "./config.ts";

const ARCHITECTURES: Readonly<Record<string, string>> = {
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  gpt2: "GPT2LMHeadModel",
};

/**
 * A transformers `config.json` for a configuration that was read from a GGUF file. `edges`: the tokens that a text begins and an answer ends
 * with, where the model has them.
 * @throws RagError model/unsupported for rotary positions stretched unequally, whose settings a GGUF file does not keep
 */
export function huggingFaceConfig(
  config: DecoderConfig,
  edges: { readonly beginId: number | undefined; readonly endId: number | undefined },
): object {
  const { beginId, endId } = edges;
  const shared = {
    architectures: [ARCHITECTURES[config.family]],
    model_type: config.family,
    vocab_size: config.vocabulary,
    tie_word_embeddings: config.isTied,
    dtype: "float32",
    ...(beginId === undefined ? {} : { bos_token_id: beginId }),
    ...(endId === undefined ? {} : { eos_token_id: endId }),
  };
  return config.positions.kind === "learned"
    ? { ...shared, ...learnedFields(config) }
    : { ...shared, ...rotaryFields(config, config.positions) };
}

const learnedFields = (config: DecoderConfig): object => ({
  n_layer: config.layers,
  n_embd: config.width,
  n_head: config.heads,
  n_inner: config.feedForward,
  n_positions: config.contextLength,
  layer_norm_epsilon: config.norm.epsilon,
  activation_function: config.activation === "gelu" ? "gelu" : "gelu_new",
});

function rotaryFields(
  config: DecoderConfig,
  positions: Extract<DecoderConfig["positions"], { kind: "rotary" }>,
): object {
  const [factor] = positions.factors ?? [];
  if (positions.factors?.some((other) => other !== factor)) {
    throw new RagError(
      "model/unsupported",
      `${config.family}: a GGUF file does not keep the settings of its stretched positions, so the model cannot be saved as a folder; use the same model as safetensors.`,
    );
  }
  return {
    num_hidden_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headDimension,
    intermediate_size: config.feedForward,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.norm.epsilon,
    hidden_act: "silu",
    rope_theta: positions.base,
    ...(factor === undefined ? {} : { rope_scaling: { rope_type: "linear", factor } }),
    attention_bias: config.biased.includes("o") || config.biased.includes("qkv"),
    mlp_bias: config.biased.includes("down"),
  };
}
