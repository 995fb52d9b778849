import { readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { parseJson, parseWith, RagError } from "../core/index.ts";
import {
  chatTemplateOf,
  type EdgeTokens,
  edgeTokensOf,
  isGguf,
  openWeights,
  type ResolvedModel,
  type Tokenizer,
  tokenizerConfigFromGguf,
  tokenizerFromFiles,
  tokenizerFromGguf,
  type WeightFile,
} from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import { configFromGguf, configFromHuggingFace } from "./families/index.ts";

/** The largest tokenizer.json files published have some 40 MB. */
const MAX_JSON_BYTES = 256 * 2 ** 20;
/** Room for the longest template that is taken, a million characters. */
const MAX_TEMPLATE_BYTES = 4 * 2 ** 20;
const tokenId = z.int().nonnegative();
const endSchema = z.looseObject({
  eos_token_id: z.union([tokenId, z.array(tokenId)]).nullish(),
});

/** A decoder's shape and weights: all an engine needs, and plain enough to cross into a worker. */
export interface DecoderSource {
  readonly name: string;
  /** sha256 of the weight file. */
  readonly fingerprint: string;
  readonly config: DecoderConfig;
  /** A GGUF or safetensors file, or the folder of a sharded model. */
  readonly weightsPath: string;
}

/** A generator as read from disk: the decoder, and how text becomes tokens. */
export interface Model extends DecoderSource, EdgeTokens {
  readonly tokenizer: Tokenizer;
  /** The jinja source that turns messages into text, where the model has one. */
  readonly chatTemplate: string | undefined;
  /** Any of these ends an answer. */
  readonly stopIds: readonly number[];
}

/** A model of which the decoder is read and the rest can be: an engine starts with the one while the other is read. */
export interface OpenedModel {
  readonly source: DecoderSource;
  /** Reads tokenizer and chat template. @throws RagError model/invalid, model/unsupported */
  readonly complete: () => Model;
}

/**
 * Reads a GGUF file, or a folder as transformers saves it.
 * @throws RagError model/invalid, model/unsupported, file/not-found
 */
export const readModel = (resolved: ResolvedModel): Model => openModel(resolved).complete();

/** The first half of {@link readModel}. @throws RagError model/invalid, model/unsupported, file/not-found */
export const openModel = (resolved: ResolvedModel): OpenedModel =>
  isGguf(resolved.weightsPath) ? openGgufModel(resolved) : openFolder(resolved);

function openGgufModel({ name, fingerprint, weightsPath }: ResolvedModel): OpenedModel {
  const file = openWeights(weightsPath);
  const source = { name, fingerprint, config: readAndClose(file, configFromGguf), weightsPath };
  return {
    source,
    complete: () => {
      const tokenizer = tokenizerFromGguf(file);
      const end = file.metadata["tokenizer.ggml.eos_token_id"];
      return {
        ...source,
        ...edgeTokensOf(tokenizerConfigFromGguf(file.metadata, tokenizer.tokenOf)),
        tokenizer,
        chatTemplate: chatTemplateOf({ metadata: file.metadata }),
        stopIds: stopIds(tokenizer, typeof end === "number" ? [end] : []),
      };
    },
  };
}

/** The settings may stand in a tensor; the header, of which the tokenizer is made, stays readable when the file is closed. */
function readAndClose<Result>(file: WeightFile, read: (file: WeightFile) => Result): Result {
  try {
    return read(file);
  } finally {
    file.close();
  }
}

function openFolder({ name, fingerprint, weightsPath }: ResolvedModel): OpenedModel {
  const folder = statSync(weightsPath).isDirectory() ? weightsPath : dirname(weightsPath);
  const configPath = join(folder, "config.json");
  const raw = readJson(configPath);
  const config = configFromHuggingFace(raw, basename(configPath));
  const source = { name, fingerprint, config, weightsPath };
  return {
    source,
    complete: () => {
      const tokenizerConfig = readJsonIfThere(join(folder, "tokenizer_config.json"));
      const json = readJson(join(folder, "tokenizer.json"));
      const tokenizer = tokenizerFromFiles(json, tokenizerConfig);
      const jinjaFile = readTextIfThere(join(folder, "chat_template.jinja"), MAX_TEMPLATE_BYTES);
      const { eos_token_id: end } = parseWith(
        endSchema,
        raw,
        basename(configPath),
        "model/invalid",
      );
      return {
        ...source,
        ...edgeTokensOf(tokenizerConfig),
        tokenizer,
        chatTemplate: chatTemplateOf({
          tokenizerConfig,
          ...(jinjaFile === undefined ? {} : { jinjaFile }),
        }),
        stopIds: stopIds(tokenizer, [end ?? []].flat()),
      };
    },
  };
}

/** The model's own end token, and the ends of a turn that chat templates use. */
function stopIds(tokenizer: Tokenizer, declared: readonly number[]): readonly number[] {
  const turnEnds = ["<|im_end|>", "<|eot_id|>", "<|endoftext|>", "</s>"]
    .map((token) => tokenizer.idOf(token))
    .filter((id) => id !== undefined);
  return [...new Set([...declared, ...turnEnds])];
}

function readJson(path: string): unknown {
  const raw = readJsonIfThere(path);
  if (raw !== undefined) return raw;
  throw new RagError(
    "file/not-found",
    `${basename(path)}: is missing from the model folder ${basename(dirname(path))}; get the model again.`,
  );
}

function readJsonIfThere(path: string): unknown {
  const text = readTextIfThere(path, MAX_JSON_BYTES);
  if (text === undefined) return undefined;
  return parseJson(
    text,
    (problem) =>
      new RagError(
        "model/invalid",
        `${basename(path)}: is ${problem}; the file is damaged, get it again.`,
      ),
  );
}

function readTextIfThere(path: string, maxBytes: number): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (!stat) return undefined;
  if (stat.size > maxBytes) {
    throw new RagError(
      "model/invalid",
      `${basename(path)}: expected at most ${maxBytes} bytes, found ${stat.size}; this is no file of a model.`,
    );
  }
  return readFileSync(path, "utf8");
}
