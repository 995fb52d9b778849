import { readFileSync } from "node:fs";
import { join } from "node:path";
import { errorMessage, RagError } from "../../core/index.ts";
import {
  LastingWorker,
  type ResolvedModel,
  type Tokenizer,
  tokenizerFromFiles,
  workerModule,
} from "../../runtime/index.ts";
import { type BertConfig, parseBertConfig } from "./bert-config.ts";
import type { BertWorkerData } from "./bert-worker.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";

/** The sequence length that sentence-transformers sets for all-MiniLM-L6-v2, its two marks included. */
const MAX_SEQUENCE = 256;
/** Tokens of one batch, padding included: large enough to fill the processor, small enough to cancel soon. */
const BATCH_TOKENS = 4096;
/** A text is cut to this many characters before it is tokenised: no token is longer than this on average. */
const MAX_CHARACTERS_PER_TOKEN = 64;

/** A BERT sentence embedder in a thread of its own, which is replaced when it dies. */
export class BertEmbedder implements Embedder {
  readonly id: string;
  readonly dimension: number;
  readonly maxTokens: number;
  readonly #host: LastingWorker;
  readonly #tokenizer: Tokenizer;
  readonly #unknown: number | undefined;
  readonly #marks: { readonly first: number; readonly last: number };

  private constructor(
    resolved: ResolvedModel,
    config: BertConfig,
    tokenizer: Tokenizer,
    host: LastingWorker,
  ) {
    this.id = `${resolved.name}@${resolved.fingerprint.slice(0, 16)}/mean`;
    this.dimension = config.width;
    this.maxTokens = Math.min(MAX_SEQUENCE, config.positions) - 2;
    this.#host = host;
    this.#tokenizer = tokenizer;
    this.#unknown = tokenizer.idOf("[UNK]");
    this.#marks = { first: requireId(tokenizer, "[CLS]"), last: requireId(tokenizer, "[SEP]") };
  }

  /**
   * Opens a folder with `config.json`, `tokenizer.json` and safetensors weights.
   * @throws RagError model/invalid, model/unsupported
   */
  static async open(
    resolved: ResolvedModel,
    options: { readonly threads?: number; readonly signal?: AbortSignal | undefined } = {},
  ): Promise<BertEmbedder> {
    const config = parseBertConfig(
      readJson(resolved.folder, "config.json"),
      `${resolved.name}: config.json`,
    );
    const tokenizer = tokenizerFromFiles(
      readJson(resolved.folder, "tokenizer.json"),
      readJson(resolved.folder, "tokenizer_config.json"),
    );
    const data: BertWorkerData = {
      config,
      weightsPath: resolved.weightsPath,
      ...(options.threads ? { threads: options.threads } : {}),
    };
    const module = workerModule("bert-worker", import.meta.url);
    const host = await LastingWorker.open(module, data, options.signal);
    return new BertEmbedder(resolved, config, tokenizer, host);
  }

  countTokens(text: string): number {
    return this.#tokenizer.encode(text).length;
  }

  countUnknown(text: string): number {
    return this.#tokenizer.encode(text).filter((id) => id === this.#unknown).length;
  }

  /** Texts of similar length share a batch, so little is computed for padding. */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const sequences = texts.map((text, index) => ({ index, ids: this.#sequence(text) }));
    sequences.sort((a, b) => a.ids.length - b.ids.length);
    const vectors = new Array<Float32Array>(texts.length);
    let done = 0;
    for (const batch of batches(sequences)) {
      const ids = batch.map((sequence) => sequence.ids);
      const found = await this.#host.call("embed", ids, { signal: options.signal });
      for (const [row, { index }] of batch.entries()) {
        const start = row * this.dimension;
        vectors[index] = (found as Float32Array).slice(start, start + this.dimension);
      }
      done += batch.length;
      options.onProgress?.(done);
    }
    return vectors;
  }

  async close(): Promise<void> {
    await this.#host.close();
  }

  #sequence(text: string): number[] {
    const cut = text.slice(0, this.maxTokens * MAX_CHARACTERS_PER_TOKEN);
    const ids = this.#tokenizer.encode(cut).slice(0, this.maxTokens);
    return [this.#marks.first, ...ids, this.#marks.last];
  }
}

interface Sequence {
  readonly index: number;
  readonly ids: readonly number[];
}

/** Cuts sequences, sorted by length, into batches of at most {@link BATCH_TOKENS} padded tokens. */
function* batches(sorted: readonly Sequence[]): Generator<readonly Sequence[]> {
  let start = 0;
  for (let end = 1; end <= sorted.length; end++) {
    const next = sorted[end];
    if (next && (end - start + 1) * next.ids.length <= BATCH_TOKENS) continue;
    yield sorted.slice(start, end);
    start = end;
  }
}

function requireId(tokenizer: Tokenizer, token: string): number {
  const id = tokenizer.idOf(token);
  if (id !== undefined) return id;
  throw new RagError(
    "model/invalid",
    `embedder: its tokenizer has no ${token}; it is no BERT model.`,
  );
}

function readJson(folder: string, name: string): unknown {
  try {
    return JSON.parse(readFileSync(join(folder, name), "utf8"));
  } catch (cause) {
    throw new RagError("model/invalid", `embedder: ${name}: ${errorMessage(cause)}`, { cause });
  }
}
