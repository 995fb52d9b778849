import { RagError } from "../../core/index.ts";
import { type ResolvedModel, type Tokenizer, tokenizerFromFiles } from "../../runtime/index.ts";
import { type BertConfig, parseBertConfig } from "./bert-config.ts";
import { readModelJson, readOptionalModelJson } from "./model-files.ts";

/** Ids of the marks that stand before ([CLS]) and after ([SEP]) a text. */
export interface Marks {
  readonly first: number;
  readonly last: number;
}

/** What the files of a BERT model say beside its weights. */
export interface BertModel {
  readonly config: BertConfig;
  readonly tokenizer: Tokenizer;
  readonly marks: Marks;
}

/** A text is cut to this many characters for each token it may have before it is tokenised: no token is longer on average. */
const MAX_CHARACTERS_PER_TOKEN = 64;

/**
 * Reads `config.json` and `tokenizer.json` of a model's folder.
 * @throws RagError model/invalid, model/unsupported
 */
export function readBertModel({ name, folder }: ResolvedModel): BertModel {
  const config = parseBertConfig(
    readModelJson(folder, "config.json", name),
    `${name}: config.json`,
  );
  const tokenizer = tokenizerFromFiles(
    readModelJson(folder, "tokenizer.json", name),
    readOptionalModelJson(folder, "tokenizer_config.json", name),
  );
  requireRows(tokenizer, config.vocabulary, name);
  const marks = {
    first: requireId(tokenizer, "[CLS]", name),
    last: requireId(tokenizer, "[SEP]", name),
  };
  return { config, tokenizer, marks };
}

/** The first `room` ids of a text; a very long one is not tokenised whole. */
export const firstIds = (tokenizer: Tokenizer, text: string, room: number): number[] =>
  tokenizer.encode(text.slice(0, room * MAX_CHARACTERS_PER_TOKEN)).slice(0, room);

function requireId(tokenizer: Tokenizer, token: string, name: string): number {
  const id = tokenizer.idOf(token);
  if (id !== undefined) return id;
  throw new RagError(
    "model/invalid",
    `${name}: its tokenizer has no ${token}; it is no BERT model.`,
  );
}

/** @throws RagError model/invalid when the tokenizer has ids that the model has no vectors for */
function requireRows(tokenizer: Tokenizer, rows: number, name: string): void {
  if (tokenizer.vocabularySize <= rows) return;
  throw new RagError(
    "model/invalid",
    `${name}: its tokenizer has ${tokenizer.vocabularySize} tokens, but the model ${rows}; they are not of the same model.`,
  );
}
