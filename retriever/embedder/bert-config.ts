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
  readonly normEpsilon: number;
}

const size = z.int().positive().max(1_000_000);
const schema = z.looseObject({
  model_type: z.string(),
  num_hidden_layers: size.max(512),
  hidden_size: size.max(16_384),
  num_attention_heads: size.max(1024),
  intermediate_size: size,
  vocab_size: size,
  max_position_embeddings: size,
  layer_norm_eps: z.number().positive(),
  hidden_act: z.string(),
  position_embedding_type: z.string().default("absolute"),
});

/**
 * Reads the `config.json` of a BERT model.
 * @throws RagError model/unsupported for another architecture, model/invalid for a damaged file
 */
export function parseBertConfig(raw: unknown, source: string): BertConfig {
  const c = parseWith(schema, raw, source, "model/invalid");
  const found = `${c.model_type}, ${c.hidden_act}, ${c.position_embedding_type} positions`;
  if (found !== "bert, gelu, absolute positions") {
    throw new RagError(
      "model/unsupported",
      `${source}: expected an embedder of type bert with gelu and absolute positions, found ${found}; use all-minilm-l6-v2.`,
    );
  }
  return {
    layers: c.num_hidden_layers,
    width: c.hidden_size,
    heads: c.num_attention_heads,
    feedForward: c.intermediate_size,
    vocabulary: c.vocab_size,
    positions: c.max_position_embeddings,
    normEpsilon: c.layer_norm_eps,
  };
}
