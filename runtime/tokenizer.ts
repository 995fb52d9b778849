import { Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { z } from "zod";
import { errorMessage, parseWith, RagError } from "../core/index.ts";
import { spacePrefixOf, withoutSpacePrefix } from "./space-prefix.ts";
import { startTokenOf } from "./special-tokens.ts";
import { tokenBytesFor, utf8Of } from "./token-bytes.ts";

/** Text to token ids and back. Text in any language; ids are rows of the model's embedding table. */
export interface Tokenizer {
  /** Largest id + 1. A model's table may have more rows (padding), never fewer. */
  readonly vocabularySize: number;
  /** Ids of control tokens such as end of text; never produced by {@link Tokenizer.encode} ([UNK] excepted). */
  readonly specialIds: ReadonlySet<number>;
  /** The id that texts for the model begin with, where it expects one; neither encoding adds it. */
  readonly startId: number | undefined;
  /** Ids of untrusted text: what looks like a special token is plain text. Adds no token at either end. */
  encode(text: string, options?: EncodeOptions): number[];
  /** Ids of text from our own templates: special token strings become their ids. Adds nothing at either end. */
  encodeTemplate(text: string, options?: EncodeOptions): number[];
  /** Text of ids; ids beyond the vocabulary have none. Incomplete UTF-8 becomes U+FFFD. */
  decode(ids: readonly number[], options?: DecodeOptions): string;
  /** Bytes of a token, which may be a part of a character; none beyond the vocabulary. */
  bytesOf(id: number): readonly number[];
  idOf(token: string): number | undefined;
  tokenOf(id: number): string | undefined;
}

export interface EncodeOptions {
  /** The id that the text stands behind, none at the beginning: some tokenizers begin a text with a space, but not what goes on from it. */
  readonly behind?: number | undefined;
}

export interface DecodeOptions {
  /** Leave special tokens out of the text; false unless set. */
  readonly skipSpecial?: boolean;
}

const addedTokenSchema = z.looseObject({
  id: z.int().min(0),
  content: z.string().min(1),
  special: z.boolean().default(false),
});
const modelSchema = z.looseObject({
  type: z.string().optional(),
  unk_token: z.string().nullish(),
  vocab: z.record(z.string(), z.int().min(0).max(0xff_ffff)),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
});
const tokenizerSchema = z.looseObject({
  added_tokens: z.array(addedTokenSchema).default([]),
  model: modelSchema,
  normalizer: z.unknown().default(null),
  pre_tokenizer: z.unknown().default(null),
  post_processor: z.unknown().default(null),
  decoder: z.unknown().default(null),
});
type TokenizerJson = z.infer<typeof tokenizerSchema>;

/**
 * A tokenizer from the parsed `tokenizer.json` (BPE or WordPiece) and, if there is one, `tokenizer_config.json`.
 * @throws RagError model/invalid when a field is missing or damaged, model/unsupported for another kind of model
 */
export function tokenizerFromFiles(
  tokenizerJson: unknown,
  tokenizerConfig: unknown = {},
): Tokenizer {
  const json = parseWith(tokenizerSchema, tokenizerJson, "tokenizer.json", "model/invalid");
  const configSchema = z.looseObject({});
  const config = parseWith(configSchema, tokenizerConfig, "tokenizer_config.json", "model/invalid");
  requireSupportedModel(json);
  const start = startTokenOf(json.post_processor, config);
  return wrap(json, config, start);
}

function wrap(json: TokenizerJson, config: object, start: string | undefined): Tokenizer {
  const complete = build(json, config);
  const special = json.added_tokens.filter((token) => token.special);
  const added = new Map(json.added_tokens.map(({ id, content }) => [id, content]));
  const tokenBytes = tokenBytesFor(json.decoder);
  return {
    vocabularySize: largestId(json) + 1,
    specialIds: new Set(special.map((token) => token.id)),
    startId: start === undefined ? undefined : complete.token_to_id(start),
    encode: encoderOf(plainTextForm(json), config, added),
    encodeTemplate: encoderOf(json, config, added, complete),
    decode: (ids, { skipSpecial = false } = {}) => {
      const known = ids.filter((id) => complete.id_to_token(id) !== undefined);
      if (known.length === 0) return "";
      return complete.decode(known, {
        skip_special_tokens: skipSpecial,
        clean_up_tokenization_spaces: false,
      });
    },
    bytesOf: (id) => {
      const whole = added.get(id);
      return whole === undefined ? tokenBytes(complete.id_to_token(id) ?? "") : utf8Of(whole);
    },
    idOf: (token) => complete.token_to_id(token),
    tokenOf: (id) => complete.id_to_token(id),
  };
}

/** How texts of one form are encoded, at a beginning and behind others. `added`: the tokens that are cut out of a text first. */
function encoderOf(
  json: TokenizerJson,
  config: object,
  added: ReadonlyMap<number, string>,
  beginning: LibraryTokenizer = build(json, config),
): Tokenizer["encode"] {
  const prefix = spacePrefixOf(json);
  if (prefix === undefined) return (text) => encodeWith(beginning, text);
  const continuing = build(withoutSpacePrefix(json), config);
  return (text, { behind } = {}) => {
    const isBeginning = behind === undefined || (prefix === "every" && added.has(behind));
    if (isBeginning) return encodeWith(beginning, text);
    if (prefix === "first") return encodeWith(continuing, text);
    const cut = firstOf(text, json.added_tokens);
    return [
      ...encodeWith(continuing, text.slice(0, cut)),
      ...encodeWith(beginning, text.slice(cut)),
    ];
  };
}

/** Where the first of these tokens stands in a text, or its end. */
function firstOf(text: string, tokens: TokenizerJson["added_tokens"]): number {
  const places = tokens.map(({ content }) => text.indexOf(content)).filter((place) => place >= 0);
  return Math.min(text.length, ...places);
}

function encodeWith(tokenizer: LibraryTokenizer, text: string): number[] {
  return tokenizer.encode(text, { add_special_tokens: false }).ids;
}

function build(json: TokenizerJson, config: object): LibraryTokenizer {
  try {
    return new LibraryTokenizer(json, config);
  } catch (cause) {
    throw new RagError(
      "model/invalid",
      `tokenizer.json: expected a tokenizer @huggingface/tokenizers understands, found: ${errorMessage(cause)}; check that the file is complete.`,
      { cause },
    );
  }
}

/**
 * The same tokenizer without any way to a special token: they are neither cut out of the text beforehand nor in the
 * vocabulary. WordPiece keeps [UNK], its only answer to an unknown word; byte-level BPE needs none.
 */
function plainTextForm(json: TokenizerJson): TokenizerJson {
  const isWordPiece = json.model.type === "WordPiece";
  const unknown = isWordPiece ? json.model.unk_token : undefined;
  const hidden = new Set(
    json.added_tokens
      .filter((token) => token.special || token.content.trim() !== "")
      .filter((token) => token.content !== unknown)
      .map((token) => token.content),
  );
  const vocab = Object.entries(json.model.vocab).filter(([token]) => !hidden.has(token));
  const model = { ...json.model, vocab: Object.fromEntries(vocab) };
  return {
    ...json,
    added_tokens: json.added_tokens.filter((token) => !hidden.has(token.content) && !token.special),
    model: isWordPiece ? model : { ...model, unk_token: null },
  };
}

function requireSupportedModel(json: TokenizerJson): void {
  const { type } = json.model;
  if (type === "WordPiece" || (type === "BPE" && json.model.merges !== undefined)) return;
  throw new RagError(
    "model/unsupported",
    `tokenizer.json: model: expected BPE with merges or WordPiece, found ${type ?? "no type"}; use a model with one of those tokenizers.`,
  );
}

function largestId(json: TokenizerJson): number {
  let largest = -1;
  for (const id of Object.values(json.model.vocab)) largest = Math.max(largest, id);
  for (const { id } of json.added_tokens) largest = Math.max(largest, id);
  return largest;
}
