import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { errorMessage, RagError } from "../core/index.ts";
import {
  chatTemplateOf,
  openWeights,
  type ResolvedModel,
  type Tokenizer,
  tokenizerFromFiles,
  tokenizerFromGguf,
} from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import { configFromGguf, configFromHuggingFace } from "./families/index.ts";

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
export interface Model extends DecoderSource {
  readonly tokenizer: Tokenizer;
  /** The jinja source that turns messages into text, where the model has one. */
  readonly chatTemplate: string | undefined;
  /** Any of these ends an answer. */
  readonly stopIds: readonly number[];
}

/**
 * Reads a GGUF file, or a folder as transformers saves it.
 * @throws RagError model/invalid, model/unsupported, file/not-found
 */
export function readModel(resolved: ResolvedModel): Model {
  return resolved.weightsPath.endsWith(".gguf") ? readGguf(resolved) : readFolder(resolved);
}

function readGguf({ name, fingerprint, weightsPath }: ResolvedModel): Model {
  const file = openWeights(weightsPath);
  try {
    const tokenizer = tokenizerFromGguf(file);
    const end = file.metadata["tokenizer.ggml.eos_token_id"];
    return {
      name,
      fingerprint,
      config: configFromGguf(file),
      tokenizer,
      chatTemplate: chatTemplateOf({ metadata: file.metadata }),
      stopIds: stopIds(tokenizer, typeof end === "number" ? [end] : []),
      weightsPath,
    };
  } finally {
    file.close();
  }
}

function readFolder(resolved: ResolvedModel): Model {
  const folder = statSync(resolved.weightsPath).isDirectory()
    ? resolved.weightsPath
    : dirname(resolved.weightsPath);
  const configPath = join(folder, "config.json");
  const raw = readJson(configPath);
  const tokenizerConfig = readJsonIfThere(join(folder, "tokenizer_config.json"));
  const tokenizer = tokenizerFromFiles(readJson(join(folder, "tokenizer.json")), tokenizerConfig);
  const jinja = join(folder, "chat_template.jinja");
  const end = (raw as { eos_token_id?: number | number[] }).eos_token_id;
  return {
    name: resolved.name,
    fingerprint: resolved.fingerprint,
    config: configFromHuggingFace(raw, basename(configPath)),
    tokenizer,
    chatTemplate: chatTemplateOf({
      tokenizerConfig,
      ...(existsSync(jinja) ? { jinjaFile: readFileSync(jinja, "utf8") } : {}),
    }),
    stopIds: stopIds(tokenizer, [end ?? []].flat()),
    weightsPath: resolved.weightsPath,
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
  throw new RagError("file/not-found", `${path}: is missing from the model folder.`);
}

function readJsonIfThere(path: string): unknown {
  if (!statSync(path, { throwIfNoEntry: false })) return undefined;
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (cause) {
    throw new RagError("model/invalid", `${path}: ${errorMessage(cause)}`, { cause });
  }
}
