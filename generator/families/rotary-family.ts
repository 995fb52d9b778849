import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import { type DecoderConfig, type LayerProjection, LIMITS, requireConsistent } from "../config.ts";
import type { Family } from "./family.ts";
import { GgufKeys } from "./gguf-keys.ts";
import { type ModelPlan, type PlainWeight, part, tensorNames } from "./plan.ts";
import { rotaryFromGguf, rotaryFromHuggingFace } from "./rotary-scaling.ts";

/** What tells the relatives of Llama from one another. */
export interface RotaryTraits {
  readonly name: string;
  readonly ggufName?: string;
  /** Biases that config.json need not mention. */
  readonly alwaysBiased?: readonly LayerProjection[];
  /** Biases that `attention_bias` and `mlp_bias` in config.json turn on. */
  readonly biasedByAttention?: readonly LayerProjection[];
  readonly biasedByFeedForward?: readonly LayerProjection[];
  readonly hasQueryKeyNorm?: boolean;
  /** llama.cpp stores queries and keys with the two halves of each head alternating. */
  readonly isInterleavedInGguf?: boolean;
  /** `sliding_window` counts only with `use_sliding_window`. */
  readonly windowNeedsSwitch?: boolean;
  /** transformers' defaults for keys that a config.json leaves out. */
  readonly defaults?: { readonly num_key_value_heads?: number; readonly head_dim?: number };
}

const positive = z.int().positive();
const schema = z.looseObject({
  num_hidden_layers: positive.max(LIMITS.layers),
  hidden_size: positive.max(LIMITS.width),
  num_attention_heads: positive.max(LIMITS.width),
  num_key_value_heads: positive.max(LIMITS.width).nullish(),
  head_dim: positive.max(LIMITS.headDimension).nullish(),
  intermediate_size: positive.max(LIMITS.feedForward),
  vocab_size: positive.max(LIMITS.vocabulary),
  max_position_embeddings: positive.max(LIMITS.context),
  rms_norm_eps: z.number().positive().max(1).default(1e-6),
  hidden_act: z.string().default("silu"),
  tie_word_embeddings: z.boolean().default(false),
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
  sliding_window: positive.nullish(),
  use_sliding_window: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
  partial_rotary_factor: z.number().optional(),
  rope_parameters: z.unknown().optional(),
  rope_scaling: z.unknown().optional(),
  quantization_config: z.unknown().optional(),
});

/**
 * A decoder of Llama's shape: rotary positions, RMS norms, gated feed-forward, grouped queries.
 * @see Touvron et al., arXiv 2302.13971; Ainslie et al., arXiv 2305.13245
 */
export const rotaryFamily = (traits: RotaryTraits): Family => ({
  name: traits.name,
  ...(traits.ggufName ? { ggufName: traits.ggufName } : {}),
  readHuggingFace: (raw, source) => readHuggingFace(traits, raw, source),
  readGguf: (file) => readGguf(traits, file),
  plan: (config) => plan(traits, config),
});

function readHuggingFace(traits: RotaryTraits, raw: unknown, source: string): DecoderConfig {
  const c = parseWith(schema, { ...traits.defaults, ...(raw as object) }, source, "model/invalid");
  requireValue(source, "hidden_act", c.hidden_act, "silu");
  requireValue(source, "quantization_config", c.quantization_config ?? null, null);
  const headDimension = c.head_dim ?? c.hidden_size / c.num_attention_heads;
  const isWindowed = c.sliding_window && (c.use_sliding_window || !traits.windowNeedsSwitch);
  return requireConsistent(
    {
      family: traits.name,
      layers: c.num_hidden_layers,
      width: c.hidden_size,
      heads: c.num_attention_heads,
      keyValueHeads: c.num_key_value_heads ?? c.num_attention_heads,
      headDimension,
      feedForward: c.intermediate_size,
      vocabulary: c.vocab_size,
      // Within the window, attention sees everything: the context ends where that would stop being true.
      contextLength: Math.min(
        c.max_position_embeddings,
        isWindowed ? c.sliding_window! : Number.POSITIVE_INFINITY,
      ),
      positions: rotaryFromHuggingFace(c, headDimension, source),
      norm: { kind: "rms", epsilon: c.rms_norm_eps },
      activation: "silu",
      biased: [
        ...(traits.alwaysBiased ?? []),
        ...(c.attention_bias ? (traits.biasedByAttention ?? []) : []),
        ...(c.mlp_bias ? (traits.biasedByFeedForward ?? []) : []),
      ],
      hasQueryKeyNorm: traits.hasQueryKeyNorm ?? false,
      isTied: c.tie_word_embeddings,
    },
    source,
  );
}

function requireValue(source: string, key: string, found: unknown, supported: unknown): void {
  if (found === supported) return;
  throw new RagError(
    "model/unsupported",
    `${source}: ${key}: ${JSON.stringify(found)} is not supported, only ${JSON.stringify(supported)} is.`,
  );
}

function readGguf(traits: RotaryTraits, file: WeightFile): DecoderConfig {
  const keys = new GgufKeys(file);
  keys.requireOneOf("expert_count", [0]);
  const width = keys.number("embedding_length");
  const heads = keys.number("attention.head_count");
  const headDimension = keys.number("attention.key_length", width / heads);
  keys.requireOneOf("attention.value_length", [headDimension]);
  const contextLength = keys.number("context_length");
  return requireConsistent(
    {
      family: traits.name,
      layers: keys.number("block_count"),
      width,
      heads,
      keyValueHeads: keys.number("attention.head_count_kv", heads),
      headDimension,
      feedForward: keys.number("feed_forward_length"),
      vocabulary: keys.vocabulary(),
      contextLength: Math.min(
        contextLength,
        keys.has("attention.sliding_window")
          ? keys.number("attention.sliding_window")
          : contextLength,
      ),
      positions: rotaryFromGguf(keys, headDimension),
      norm: { kind: "rms", epsilon: keys.number("attention.layer_norm_rms_epsilon") },
      activation: "silu",
      biased: Object.entries(BIAS_IN_GGUF).flatMap(([name, tensor]) =>
        file.tensors.has(tensor) ? [name as LayerProjection] : [],
      ),
      hasQueryKeyNorm: traits.hasQueryKeyNorm ?? false,
      isTied: !file.tensors.has("output.weight"),
    },
    keys.source,
  );
}

/** The tensor whose presence says that a projection adds a bias. */
const BIAS_IN_GGUF = {
  qkv: "blk.0.attn_q.bias",
  o: "blk.0.attn_output.bias",
  gateUp: "blk.0.ffn_gate.bias",
  down: "blk.0.ffn_down.bias",
} satisfies Partial<Record<LayerProjection, string>>;

function plan(traits: RotaryTraits, config: DecoderConfig): ModelPlan {
  const { width, vocabulary } = config;
  const layers = Array.from({ length: config.layers }, (_, layer) =>
    planLayer(traits, config, layer),
  );
  const table = (name: string, names: ReturnType<typeof tensorNames>) => ({
    name,
    parts: [part(() => names, vocabulary)],
    columns: width,
  });
  return {
    projections: [
      table("embedding", tensorNames("model.", "embed_tokens.weight", "token_embd.weight")),
      ...(config.isTied ? [] : [table("head", tensorNames("", "lm_head.weight", "output.weight"))]),
      ...layers.flatMap(({ projections }) => projections),
    ],
    plain: [
      {
        name: "norm",
        tensor: tensorNames("model.", "norm.weight", "output_norm.weight"),
        shape: [width],
      },
      ...layers.flatMap(({ plain }) => plain),
    ],
  };
}

function planLayer(traits: RotaryTraits, config: DecoderConfig, layer: number): ModelPlan {
  const { width, heads, keyValueHeads, headDimension, feedForward } = config;
  const names = (huggingFace: string, gguf: string) => (kind: string) =>
    tensorNames("model.", `layers.${layer}.${huggingFace}.${kind}`, `blk.${layer}.${gguf}.${kind}`);
  const projection = (
    name: LayerProjection,
    columns: number,
    parts: readonly (readonly [string, string, number])[],
  ) => ({
    name: `layers.${layer}.${name}`,
    columns,
    parts: parts.map(([huggingFace, gguf, rows]) =>
      part(names(huggingFace, gguf), rows, {
        hasBias: config.biased.includes(name),
        isInterleavedInGguf:
          traits.isInterleavedInGguf === true && (gguf === "attn_q" || gguf === "attn_k"),
      }),
    ),
  });
  const vector = (
    name: string,
    huggingFace: string,
    gguf: string,
    length: number,
  ): PlainWeight => ({
    name: `layers.${layer}.${name}`,
    tensor: names(huggingFace, gguf)("weight"),
    shape: [length],
  });
  const [queries, keys] = [heads * headDimension, keyValueHeads * headDimension];
  return {
    projections: [
      projection("qkv", width, [
        ["self_attn.q_proj", "attn_q", queries],
        ["self_attn.k_proj", "attn_k", keys],
        ["self_attn.v_proj", "attn_v", keys],
      ]),
      projection("o", queries, [["self_attn.o_proj", "attn_output", width]]),
      projection("gateUp", width, [
        ["mlp.gate_proj", "ffn_gate", feedForward],
        ["mlp.up_proj", "ffn_up", feedForward],
      ]),
      projection("down", feedForward, [["mlp.down_proj", "ffn_down", width]]),
    ],
    plain: [
      vector("inputNorm", "input_layernorm", "attn_norm", width),
      vector("feedForwardNorm", "post_attention_layernorm", "ffn_norm", width),
      ...(config.hasQueryKeyNorm
        ? [
            vector("queryNorm", "self_attn.q_norm", "attn_q_norm", headDimension),
            vector("keyNorm", "self_attn.k_norm", "attn_k_norm", headDimension),
          ]
        : []),
    ],
  };
}
