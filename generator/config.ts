import { z } from "zod";
import { parseWith, RagError } from "../core/index.ts";
import type { WeightFile } from "../runtime/index.ts";

/** Llama 3's stretched rotary frequencies. @see transformers, modeling_rope_utils, "llama3" */
export interface RotaryScaling {
  readonly factor: number;
  readonly lowFrequencyFactor: number;
  readonly highFrequencyFactor: number;
  readonly originalContextLength: number;
}

/** Everything that distinguishes one decoder from another; sizes in elements. */
export interface DecoderConfig {
  readonly family: "llama" | "mistral" | "qwen2" | "qwen3";
  readonly layers: number;
  /** H */
  readonly width: number;
  /** N */
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly headDimension: number;
  /** F */
  readonly feedForward: number;
  /** V */
  readonly vocabulary: number;
  readonly contextLength: number;
  readonly rotaryBase: number;
  readonly rotaryScaling?: RotaryScaling;
  readonly normEpsilon: number;
  /** The output projection is the embedding table. */
  readonly isTied: boolean;
}

const LIMITS = { layers: 512, width: 65_536, vocabulary: 4_000_000, context: 16_777_216 };
const FAMILIES = ["llama", "mistral", "qwen2", "qwen3"] as const;
const positive = z.int().positive();

const ropeSchema = z.looseObject({
  rope_theta: z.number().positive().optional(),
  rope_type: z.string().optional(),
  type: z.string().optional(),
  factor: z.number().positive().optional(),
  low_freq_factor: z.number().positive().optional(),
  high_freq_factor: z.number().positive().optional(),
  original_max_position_embeddings: positive.optional(),
});

const huggingFaceSchema = z.looseObject({
  model_type: z.string(),
  num_hidden_layers: positive.max(LIMITS.layers),
  hidden_size: positive.max(LIMITS.width),
  num_attention_heads: positive.max(LIMITS.width),
  num_key_value_heads: positive.optional(),
  head_dim: positive.nullish(),
  intermediate_size: positive.max(LIMITS.width * 8),
  vocab_size: positive.max(LIMITS.vocabulary),
  max_position_embeddings: positive.max(LIMITS.context),
  rms_norm_eps: z.number().positive(),
  tie_word_embeddings: z.boolean().default(false),
  rope_theta: z.number().positive().optional(),
  rope_parameters: ropeSchema.nullish(),
  rope_scaling: ropeSchema.nullish(),
});

/**
 * Reads a transformers `config.json`, of transformers 5 (`rope_parameters`) or older (`rope_theta`, `rope_scaling`).
 * @throws RagError model/unsupported for an architecture that is not built here, model/invalid for a damaged file
 */
export function configFromHuggingFace(raw: unknown, source: string): DecoderConfig {
  const type = parseWith(z.looseObject({ model_type: z.string() }), raw, source, "model/invalid");
  const family = requireFamily(type.model_type, source);
  const c = parseWith(huggingFaceSchema, raw, source, "model/invalid");
  const rope = c.rope_parameters ?? c.rope_scaling ?? {};
  const scaling = rotaryScaling(rope, source);
  return {
    family,
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    heads: c.num_attention_heads,
    keyValueHeads: c.num_key_value_heads ?? c.num_attention_heads,
    headDimension: c.head_dim ?? c.hidden_size / c.num_attention_heads,
    feedForward: c.intermediate_size,
    vocabulary: c.vocab_size,
    contextLength: c.max_position_embeddings,
    rotaryBase: rope.rope_theta ?? c.rope_theta ?? 10_000,
    ...(scaling ? { rotaryScaling: scaling } : {}),
    normEpsilon: c.rms_norm_eps,
    isTied: c.tie_word_embeddings,
  };
}

function rotaryScaling(
  rope: z.infer<typeof ropeSchema>,
  source: string,
): RotaryScaling | undefined {
  const type = rope.rope_type ?? rope.type ?? "default";
  if (type === "default") return undefined;
  if (type !== "llama3") {
    throw new RagError(
      "model/unsupported",
      `${source}: rotary scaling "${type}" is not supported; "default" and "llama3" are.`,
    );
  }
  return {
    factor: rope.factor ?? 8,
    lowFrequencyFactor: rope.low_freq_factor ?? 1,
    highFrequencyFactor: rope.high_freq_factor ?? 4,
    originalContextLength: rope.original_max_position_embeddings ?? 8192,
  };
}

/**
 * Reads the `general.architecture` and `<architecture>.*` keys of a GGUF file.
 * @throws RagError model/unsupported, model/invalid
 * @see ggml docs/gguf.md
 */
export function configFromGguf(file: WeightFile): DecoderConfig {
  const architecture = String(file.metadata["general.architecture"] ?? "(none)");
  const family = requireFamily(architecture, file.path);
  const number = (key: string, fallback?: number): number => {
    const value = file.metadata[`${architecture}.${key}`] ?? fallback;
    return parseWith(
      z.number().positive().max(LIMITS.context),
      value,
      `${file.path}: ${architecture}.${key}`,
      "model/invalid",
    );
  };
  const embedding = file.tensors.get("token_embd.weight");
  if (!embedding) {
    throw new RagError("model/invalid", `${file.path}: tensor token_embd.weight is missing`);
  }
  const width = number("embedding_length");
  const heads = number("attention.head_count");
  return {
    family,
    layers: number("block_count"),
    width,
    heads,
    keyValueHeads: number("attention.head_count_kv", heads),
    headDimension: number("attention.key_length", width / heads),
    feedForward: number("feed_forward_length"),
    vocabulary: embedding.shape[0] ?? 0,
    contextLength: number("context_length"),
    rotaryBase: number("rope.freq_base", 10_000),
    normEpsilon: number("attention.layer_norm_rms_epsilon"),
    isTied: !file.tensors.has("output.weight"),
  };
}

function requireFamily(name: string, source: string): DecoderConfig["family"] {
  const family = FAMILIES.find((known) => known === name);
  if (family) return family;
  throw new RagError(
    "model/unsupported",
    `${source}: architecture "${name}" is not supported; supported are ${FAMILIES.join(", ")}.`,
  );
}
