import { z } from "zod";
import { parseWith, RagError } from "../core/index.ts";
import { startingWith, tokenizerConfigFromGguf } from "./special-tokens.ts";
import { type Tokenizer, tokenizerFromFiles } from "./tokenizer.ts";
import type { WeightFile } from "./weights/index.ts";

const metadataSchema = z.looseObject({
  "tokenizer.ggml.model": z.string(),
  "tokenizer.ggml.pre": z.string().default("gpt-2"),
  "tokenizer.ggml.tokens": z.array(z.string()).min(1).max(2_000_000),
  "tokenizer.ggml.merges": z.array(z.string()).max(4_000_000),
  "tokenizer.ggml.token_type": z.array(z.int()).optional(),
});

/** Values of tokenizer.ggml.token_type. */
const CONTROL = 3;
const USER_DEFINED = 4;

/** The parts of a tokenizer.json that depend on how text is cut before the merges. */
interface Cutting {
  readonly normalizer: object | null;
  readonly pre_tokenizer: object;
  readonly ignoreMerges: boolean;
}

const CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const WORDS_AND_SPACES = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+";
const REST = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const byteLevel = (use_regex: boolean) => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex,
});
const sequence = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });
const split = (Regex: string) => ({
  type: "Split",
  pattern: { Regex },
  behavior: "Isolated",
  invert: false,
});

/** By `tokenizer.ggml.pre`, as the models' own tokenizer.json files cut text. */
const CUTTINGS: ReadonlyMap<string, Cutting> = new Map([
  ["gpt-2", { normalizer: null, pre_tokenizer: byteLevel(true), ignoreMerges: false }],
  // The reference tokenizer cuts as GPT-2 does: the vocabulary itself has no number longer than a digit.
  ["smollm", { normalizer: null, pre_tokenizer: byteLevel(true), ignoreMerges: false }],
  [
    "qwen2",
    {
      normalizer: { type: "NFC" },
      pre_tokenizer: sequence(
        split(`${CONTRACTIONS}|${WORDS_AND_SPACES}|\\p{N}|${REST}`),
        byteLevel(false),
      ),
      ignoreMerges: false,
    },
  ],
  [
    "llama-bpe",
    {
      normalizer: null,
      pre_tokenizer: sequence(
        split(`${CONTRACTIONS}|${WORDS_AND_SPACES}|\\p{N}{1,3}|${REST}`),
        byteLevel(false),
      ),
      ignoreMerges: true,
    },
  ],
]);

/**
 * The tokenizer inside a GGUF file: byte-level BPE, cut as "gpt-2", "smollm", "qwen2" or "llama-bpe" says.
 * @throws RagError model/unsupported naming any other kind, model/invalid when its fields are missing or damaged
 */
export const tokenizerFromGguf = (weights: WeightFile): Tokenizer =>
  tokenizerFromFiles(tokenizerJsonFromGguf(weights));

/** The same as a parsed `tokenizer.json`. @throws RagError as {@link tokenizerFromGguf} */
export function tokenizerJsonFromGguf(weights: WeightFile): object {
  const metadata = parseWith(
    metadataSchema,
    weights.metadata,
    "the GGUF file's metadata",
    "model/invalid",
  );
  const kind = metadata["tokenizer.ggml.model"];
  if (kind !== "gpt2") throw unsupported("tokenizer.ggml.model", '"gpt2"', kind);
  const pre = metadata["tokenizer.ggml.pre"];
  const cutting = CUTTINGS.get(pre);
  if (cutting === undefined) {
    throw unsupported("tokenizer.ggml.pre", [...CUTTINGS.keys()].join(", "), pre);
  }
  return tokenizerJson(metadata, cutting);
}

function tokenizerJson(metadata: z.infer<typeof metadataSchema>, cutting: Cutting): object {
  const tokens = metadata["tokenizer.ggml.tokens"];
  const types = metadata["tokenizer.ggml.token_type"] ?? [];
  if (types.length > 0 && types.length !== tokens.length) {
    throw new RagError(
      "model/invalid",
      `tokenizer.ggml.token_type: expected one entry for each of ${tokens.length} tokens, found ${types.length}; the file is damaged, get it again.`,
    );
  }
  const config = tokenizerConfigFromGguf(metadata, (id) => tokens[id]);
  const start = config["add_bos_token"] ? String(config["bos_token"]) : undefined;
  return {
    version: "1.0",
    added_tokens: tokens.flatMap((content, id) => addedToken(content, id, types[id])),
    normalizer: cutting.normalizer,
    pre_tokenizer: cutting.pre_tokenizer,
    post_processor: start === undefined ? null : startingWith(start, tokens.indexOf(start)),
    decoder: byteLevel(true),
    model: {
      type: "BPE",
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: metadata["tokenizer.ggml.merges"],
      unk_token: null,
      ignore_merges: cutting.ignoreMerges,
    },
  };
}

function addedToken(content: string, id: number, type: number | undefined): object[] {
  if (type !== CONTROL && type !== USER_DEFINED) return [];
  // The other fields are what transformers wants of the file.
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return [{ id, content, special: type === CONTROL, ...plain }];
}

function unsupported(field: string, expected: string, found: string): RagError {
  return new RagError(
    "model/unsupported",
    `${field}: expected ${expected}, found ${JSON.stringify(found.slice(0, 80))}; use a model with a supported tokenizer.`,
  );
}
