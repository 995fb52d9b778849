import { basename } from "node:path";
import { z } from "zod";
import { parseWith } from "../../core/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import { type DecoderConfig, type LayerProjection, LIMITS, requireConsistent } from "../config.ts";
import type { Family } from "./family.ts";
import { GgufKeys } from "./gguf-keys.ts";
import { type ModelPlan, type PlainWeight, part, tensorNames } from "./plan.ts";

const ACTIVATIONS = {
  gelu_new: "gelu-tanh",
  gelu_pytorch_tanh: "gelu-tanh",
  gelu_fast: "gelu-tanh",
  gelu: "gelu",
} as const;

const positive = z.int().positive();
const schema = z.looseObject({
  n_layer: positive.max(LIMITS.layers).default(12),
  n_embd: positive.max(LIMITS.width).default(768),
  n_head: positive.max(LIMITS.width).default(12),
  n_inner: positive.max(LIMITS.feedForward).nullish(),
  n_positions: positive.max(LIMITS.context).default(1024),
  vocab_size: positive.max(LIMITS.vocabulary).default(50_257),
  layer_norm_epsilon: z.number().positive().max(1).default(1e-5),
  tie_word_embeddings: z.boolean().default(true),
});
/** Settings that change the computation: any other value is refused. */
const unsupportedSchema = z.looseObject({
  activation_function: z
    .enum(Object.keys(ACTIVATIONS) as [keyof typeof ACTIVATIONS])
    .default("gelu_new"),
  scale_attn_weights: z.literal(true).default(true),
  scale_attn_by_inverse_layer_idx: z.literal(false).default(false),
  add_cross_attention: z.literal(false).default(false),
  quantization_config: z.null().default(null),
});

/**
 * GPT-2: learned positions, centred norms, biases everywhere, one matrix for queries, keys and values. Stored masks
 * (`attn.bias`, `attn.masked_bias`) are not read.
 * @see Radford et al. 2019, Language Models are Unsupervised Multitask Learners
 */
export const gpt2: Family = {
  name: "gpt2",
  ggufName: "gpt2",
  readHuggingFace: (raw, source) => {
    const c = parseWith(schema, raw, source, "model/invalid");
    const { activation_function } = parseWith(unsupportedSchema, raw, source, "model/unsupported");
    return requireConsistent(
      {
        ...SHARED,
        layers: c.n_layer,
        width: c.n_embd,
        heads: c.n_head,
        keyValueHeads: c.n_head,
        headDimension: c.n_embd / c.n_head,
        feedForward: c.n_inner ?? 4 * c.n_embd,
        vocabulary: c.vocab_size,
        contextLength: c.n_positions,
        norm: { kind: "layer", epsilon: c.layer_norm_epsilon },
        activation: ACTIVATIONS[activation_function],
        isTied: c.tie_word_embeddings,
      },
      source,
    );
  },
  readGguf: (file) => requireConsistent(readGguf(file), basename(file.path)),
  plan,
};

const SHARED = {
  family: "gpt2",
  positions: { kind: "learned" },
  biased: ["qkv", "o", "up", "down"],
  hasQueryKeyNorm: false,
} as const;

function readGguf(file: WeightFile): DecoderConfig {
  const keys = new GgufKeys(file);
  const width = keys.number("embedding_length");
  const heads = keys.number("attention.head_count");
  keys.requireOneOf("attention.head_count_kv", [heads]);
  return {
    ...SHARED,
    layers: keys.number("block_count"),
    width,
    heads,
    keyValueHeads: heads,
    headDimension: width / heads,
    feedForward: keys.number("feed_forward_length", 4 * width),
    vocabulary: keys.vocabulary(),
    contextLength: keys.number("context_length"),
    norm: { kind: "layer", epsilon: keys.number("attention.layer_norm_epsilon") },
    activation: "gelu-tanh",
    isTied: !file.tensors.has("output.weight"),
  };
}

function plan(config: DecoderConfig): ModelPlan {
  const { width, vocabulary, contextLength } = config;
  const layers = Array.from({ length: config.layers }, (_, layer) => planLayer(config, layer));
  const embedding = tensorNames("transformer.", "wte.weight", "token_embd.weight");
  const head = tensorNames("", "lm_head.weight", "output.weight");
  const table = (name: string, names: typeof head) => ({
    name,
    parts: [part(() => names, vocabulary)],
    columns: width,
  });
  return {
    projections: [
      table("embedding", embedding),
      ...(config.isTied ? [] : [table("head", head)]),
      ...layers.flatMap(({ projections }) => projections),
    ],
    plain: [
      {
        name: "positionEmbedding",
        tensor: tensorNames("transformer.", "wpe.weight", "position_embd.weight"),
        shape: [contextLength, width],
      },
      ...norm("norm", width, (kind) =>
        tensorNames("transformer.", `ln_f.${kind}`, `output_norm.${kind}`),
      ),
      ...layers.flatMap(({ plain }) => plain),
    ],
  };
}

const norm = (
  name: string,
  width: number,
  names: (kind: string) => ReturnType<typeof tensorNames>,
): PlainWeight[] => [
  { name, tensor: names("weight"), shape: [width] },
  { name: `${name}.bias`, tensor: names("bias"), shape: [width] },
];

function planLayer({ width, feedForward }: DecoderConfig, layer: number): ModelPlan {
  const names = (huggingFace: string, gguf: string) => (kind: string) =>
    tensorNames(
      "transformer.",
      `h.${layer}.${huggingFace}.${kind}`,
      `blk.${layer}.${gguf}.${kind}`,
    );
  const projection = (
    name: LayerProjection,
    [rows, columns]: readonly [number, number],
    tensors: ReturnType<typeof names>,
  ) => ({
    name: `layers.${layer}.${name}`,
    columns,
    parts: [part(tensors, rows, { hasBias: true, isTransposedInHuggingFace: true })],
  });
  return {
    projections: [
      projection("qkv", [3 * width, width], names("attn.c_attn", "attn_qkv")),
      projection("o", [width, width], names("attn.c_proj", "attn_output")),
      projection("up", [feedForward, width], names("mlp.c_fc", "ffn_up")),
      projection("down", [width, feedForward], names("mlp.c_proj", "ffn_down")),
    ],
    plain: [
      ...norm(`layers.${layer}.inputNorm`, width, names("ln_1", "attn_norm")),
      ...norm(`layers.${layer}.feedForwardNorm`, width, names("ln_2", "ffn_norm")),
    ],
  };
}
