import { z } from "zod";
import { parseWith } from "../core/index.ts";

/** The texts that chat templates write as `bos_token` and `eos_token`; empty where a model has none. */
export interface EdgeTokens {
  readonly bosToken: string;
  readonly eosToken: string;
}

const tokenSchema = z.union([z.string(), z.looseObject({ content: z.string() })]).nullish();
const configSchema = z.looseObject({
  bos_token: tokenSchema,
  eos_token: tokenSchema,
  add_bos_token: z.boolean().nullish(),
});
const processorSchema = z.looseObject({
  type: z.string(),
  processors: z.array(z.unknown()).default([]),
});
const templateSchema = z.looseObject({
  single: z.array(z.looseObject({ SpecialToken: z.looseObject({ id: z.string() }).optional() })),
});
const ggufSchema = z.looseObject({
  "tokenizer.ggml.pre": z.string().optional(),
  // Some files have an id beyond the vocabulary where there is no such token.
  "tokenizer.ggml.bos_token_id": z.number().optional(),
  "tokenizer.ggml.eos_token_id": z.number().optional(),
  "tokenizer.ggml.add_bos_token": z.boolean().optional(),
});

/** Those that a parsed `tokenizer_config.json` names. @throws RagError model/invalid when they are no text */
export function edgeTokensOf(tokenizerConfig: unknown): EdgeTokens {
  const { bos_token, eos_token } = parseConfig(tokenizerConfig);
  return { bosToken: contentOf(bos_token), eosToken: contentOf(eos_token) };
}

/**
 * The token that a tokenizer puts before every text, or undefined: as `add_bos_token` says, else as the post-processor of its
 * `tokenizer.json` does.
 * @throws RagError model/invalid when either is damaged
 */
export function startTokenOf(postProcessor: unknown, tokenizerConfig: unknown): string | undefined {
  const { add_bos_token: adds, bos_token } = parseConfig(tokenizerConfig);
  if (adds === false) return undefined;
  return (adds && contentOf(bos_token)) || firstOf(postProcessor);
}

/**
 * What a GGUF file says of the same, as the fields of a `tokenizer_config.json`. Files that do not say whether a text begins with a token are
 * read as llama.cpp reads them.
 * @throws RagError model/invalid
 */
export function tokenizerConfigFromGguf(
  metadata: Readonly<Record<string, unknown>>,
  tokenOf: (id: number) => string | undefined,
): Readonly<Record<string, string | boolean>> {
  const known = parseWith(ggufSchema, metadata, "the GGUF file's metadata", "model/invalid");
  const textOf = (id: number | undefined) => (id === undefined ? undefined : tokenOf(id));
  const bos = textOf(known["tokenizer.ggml.bos_token_id"]);
  const eos = textOf(known["tokenizer.ggml.eos_token_id"]);
  const isAdded =
    known["tokenizer.ggml.add_bos_token"] ?? known["tokenizer.ggml.pre"] === "llama-bpe";
  return {
    ...(bos === undefined ? {} : { bos_token: bos, add_bos_token: isAdded }),
    ...(eos === undefined ? {} : { eos_token: eos }),
  };
}

/** The post-processor of a `tokenizer.json` that puts a token before every text. */
export const startingWith = (token: string, id: number): object => {
  const special = { SpecialToken: { id: token, type_id: 0 } };
  const text = (name: string, type_id: number) => ({ Sequence: { id: name, type_id } });
  return {
    type: "TemplateProcessing",
    single: [special, text("A", 0)],
    pair: [special, text("A", 0), special, text("B", 1)],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
  };
};

const parseConfig = (raw: unknown) =>
  parseWith(configSchema, raw ?? {}, "tokenizer_config.json", "model/invalid");

const contentOf = (token: z.infer<typeof tokenSchema>): string =>
  (typeof token === "object" ? token?.content : token) ?? "";

function firstOf(postProcessor: unknown): string | undefined {
  if (postProcessor === null || postProcessor === undefined) return undefined;
  const where = "tokenizer.json: post_processor";
  const { type, processors } = parseWith(processorSchema, postProcessor, where, "model/invalid");
  if (type === "TemplateProcessing") {
    const { single } = parseWith(templateSchema, postProcessor, where, "model/invalid");
    return single[0]?.SpecialToken?.id;
  }
  return processors.map(firstOf).find((token) => token !== undefined);
}
