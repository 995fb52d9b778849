import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";

/** The shape of a BERT encoder; sizes in elements. */
export interface BertConfig {
  readonly layers: number;
  /** H */
  readonly width: number;
  /** N */
  readonly heads: number;
  readonly feedForward: number;
  readonly vocabulary: number;
  readonly positions: number;
  /** Kinds of text in one sequence: 2, for models that were trained on pairs. */
  readonly kinds: number;
  readonly normEpsilon: number;
  /** What it was made from, as its maker called it. */
  readonly origin: string | undefined;
}

/** How the products with weights are computed: exactly, or with weights and inputs rounded to bytes, which is faster. */
export const PRECISIONS = ["f32", "int8"] as const;
export type Precision = (typeof PRECISIONS)[number];

const size = z.int().positive().max(1_000_000);
const schema = z.looseObject({
  model_type: z.string(),
  num_hidden_layers: size.max(512),
  hidden_size: size.max(16_384),
  num_attention_heads: size.max(1024),
  intermediate_size: size,
  vocab_size: size,
  max_position_embeddings: size.min(3),
  type_vocab_size: size.max(64).default(2),
  layer_norm_eps: z.number().positive(),
  hidden_act: z.string(),
  position_embedding_type: z.string().default("absolute"),
  is_decoder: z.boolean().default(false),
  _name_or_path: z.string().optional(),
});

/**
 * Reads the `config.json` of a BERT model (MiniLM, BGE, E5, GTE and rerankers of that family).
 * @throws RagError model/unsupported for another architecture, model/invalid for a damaged file
 */
export function parseBertConfig(raw: unknown, source: string): BertConfig {
  // What it is comes first: another architecture may lack every field of this one.
  const kind = z.looseObject({ model_type: z.string() });
  const { model_type: type } = parseWith(kind, raw, source, "model/invalid");
  if (type !== "bert") throw unsupported(source, `an encoder of type bert`, type);
  const c = parseWith(schema, raw, source, "model/invalid");
  const found = `${c.hidden_act}, ${c.position_embedding_type} positions${c.is_decoder ? ", a decoder" : ""}`;
  const expected = "gelu, absolute positions";
  if (found !== expected) throw unsupported(source, expected, found);
  if (c.hidden_size % c.num_attention_heads !== 0) {
    throw new RagError(
      "model/invalid",
      `${source}: expected hidden_size to be a multiple of num_attention_heads, found ${c.hidden_size} and ${c.num_attention_heads}; the file is damaged.`,
    );
  }
  return {
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    heads: c.num_attention_heads,
    feedForward: c.intermediate_size,
    vocabulary: c.vocab_size,
    positions: c.max_position_embeddings,
    kinds: c.type_vocab_size,
    normEpsilon: c.layer_norm_eps,
    origin: c._name_or_path,
  };
}

const unsupported = (source: string, expected: string, found: string) =>
  new RagError(
    "model/unsupported",
    `${source}: expected ${expected}, found ${found}; use a model of the BERT family (MiniLM, BGE, E5, GTE), such as all-minilm-l6-v2.`,
  );
