import { z } from "zod";
import { parseWith, RagError, sha256 } from "../../core/index.ts";
import { readOptionalModelJson } from "../bert/model-files.ts";

/** How a model's token vectors become the vector of a text. */
export interface EmbeddingSettings {
  /** The mean over all tokens, or the first token's vector. */
  readonly pooling: "mean" | "cls";
  /** Tokens of a text, its prefix and two marks included; what is longer is cut. */
  readonly maxSequence: number;
  /** Stand before a text, by what it is; "" for models that treat both alike. */
  readonly prefixes: { readonly query: string; readonly passage: string };
}

/** Settings of a model whose folder does not say. */
interface KnownModel {
  readonly pooling?: "mean" | "cls";
  readonly maxSequence?: number;
  readonly query?: string;
  readonly passage?: string;
}

const BGE_ENGLISH = "Represent this sentence for searching relevant passages: ";
const BGE_CHINESE = "为这个句子生成表示以用于检索相关文章：";

/**
 * By the model's name, the first that fits.
 * @see the model cards: sentence-transformers/all-MiniLM-*, BAAI/bge-*, intfloat/e5-*, thenlper/gte-*
 */
const KNOWN: readonly (readonly [RegExp, KnownModel])[] = [
  [/all-minilm-l6/i, { pooling: "mean", maxSequence: 256 }],
  [/all-minilm-l12/i, { pooling: "mean", maxSequence: 128 }],
  [/\bbge-\w+-zh\b/i, { pooling: "cls", query: BGE_CHINESE }],
  [/\bbge-/i, { pooling: "cls", query: BGE_ENGLISH }],
  [/\be5-/i, { pooling: "mean", query: "query: ", passage: "passage: " }],
  [/\bgte-/i, { pooling: "mean" }],
];

const flag = z.boolean().default(false);
const poolingSchema = z.looseObject({
  pooling_mode: z.string().optional(),
  pooling_mode_cls_token: flag,
  pooling_mode_mean_tokens: flag,
  pooling_mode_max_tokens: flag,
  pooling_mode_mean_sqrt_len_tokens: flag,
  pooling_mode_weightedmean_tokens: flag,
  pooling_mode_lasttoken: flag,
  include_prompt: z.boolean().default(true),
});
const modulesSchema = z.array(z.looseObject({ type: z.string() })).max(100);
const lengthSchema = z.looseObject({ max_seq_length: z.int().min(3).max(1_000_000).nullish() });
const tokenizerSchema = z.looseObject({ model_max_length: z.number().min(3).nullish() });
const promptsSchema = z.looseObject({
  prompts: z.record(z.string(), z.string().max(10_000)).nullish(),
});

/**
 * Reads what sentence-transformers keeps beside a model (modules, pooling, prompts, longest sequence); where a file is missing, what is
 * known by the model's name, else the mean over all tokens without prefixes.
 * `name`: the model's, and that of the model it was made from, if known. `positions`: the longest sequence the model can take.
 * @throws RagError model/unsupported for another pooling or a further layer, model/invalid for a damaged file
 */
export function readEmbeddingSettings(
  folder: string,
  model: { readonly name: string; readonly origin: string | undefined; readonly positions: number },
): EmbeddingSettings {
  const known = knownModel(model.name) ?? knownModel(model.origin ?? "") ?? {};
  const read = <Schema extends z.ZodType>(schema: Schema, file: string) => {
    const raw = readOptionalModelJson(folder, file, model.name);
    if (raw === undefined) return undefined;
    return parseWith(schema, raw, `${model.name}: ${file}`, "model/invalid");
  };
  requireKnownModules(read(modulesSchema, "modules.json") ?? [], model.name);
  const pooling = read(poolingSchema, "1_Pooling/config.json");
  const length =
    read(lengthSchema, "sentence_bert_config.json")?.max_seq_length ??
    known.maxSequence ??
    read(tokenizerSchema, "tokenizer_config.json")?.model_max_length ??
    model.positions;
  const prompts = read(promptsSchema, "config_sentence_transformers.json")?.prompts ?? {};
  return {
    pooling: pooling ? poolingOf(pooling, model.name) : (known.pooling ?? "mean"),
    maxSequence: Math.min(length, model.positions),
    prefixes: prefixesOf(prompts, known),
  };
}

/**
 * Tells vectors of different settings apart. The default model's reads as it always did; what differs is added.
 */
export function settingsId({ pooling, maxSequence, prefixes }: EmbeddingSettings): string {
  const { query, passage } = prefixes;
  const length = maxSequence === 256 ? "" : `/${maxSequence}`;
  const hash = sha256(JSON.stringify([query, passage])).slice(0, 8);
  return `${pooling}${length}${query + passage === "" ? "" : `/prefix-${hash}`}`;
}

const knownModel = (name: string): KnownModel | undefined =>
  KNOWN.find(([pattern]) => pattern.test(name))?.[1];

/** A folder's own prompts win, if it has any for searching. */
function prefixesOf(prompts: Readonly<Record<string, string>>, known: KnownModel) {
  const passage = prompts["passage"] ?? prompts["document"] ?? prompts["corpus"];
  const { query } = prompts;
  if (query || passage) return { query: query ?? "", passage: passage ?? "" };
  return { query: known.query ?? "", passage: known.passage ?? "" };
}

function requireKnownModules(modules: z.infer<typeof modulesSchema>, model: string): void {
  const unknown = modules.find(({ type }) => !/\.(Transformer|Pooling|Normalize)$/.test(type));
  if (!unknown) return;
  throw new RagError(
    "model/unsupported",
    `${model}: modules.json: expected a transformer, pooling and normalisation, found ${unknown.type}; use a model without that layer, such as all-minilm-l6-v2.`,
  );
}

function poolingOf(config: z.infer<typeof poolingSchema>, model: string): "mean" | "cls" {
  const found = config.pooling_mode ? [config.pooling_mode] : poolingModes(config);
  if (!config.include_prompt) found.push("a prefix left out of the pooling");
  if (found.length === 1 && (found[0] === "mean" || found[0] === "cls")) return found[0];
  throw new RagError(
    "model/unsupported",
    `${model}: 1_Pooling/config.json: expected pooling by mean or by the first token (cls), found ${found.join(" and ") || "none"}; use a model with one of those.`,
  );
}

function poolingModes(config: z.infer<typeof poolingSchema>): string[] {
  const modes = [
    ["cls", config.pooling_mode_cls_token],
    ["mean", config.pooling_mode_mean_tokens],
    ["max", config.pooling_mode_max_tokens],
    ["mean by square root of length", config.pooling_mode_mean_sqrt_len_tokens],
    ["weighted mean", config.pooling_mode_weightedmean_tokens],
    ["last token", config.pooling_mode_lasttoken],
  ] as const;
  return modes.filter(([, isOn]) => isOn).map(([name]) => name);
}
