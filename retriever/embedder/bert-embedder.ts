import { availableParallelism } from "node:os";
import { mapInSteps, RagError } from "../../core/index.ts";
import {
  LastingWorker,
  type ResolvedModel,
  type Tokenizer,
  workerModule,
} from "../../runtime/index.ts";
import type { Precision } from "../bert/bert-config.ts";
import { firstIds, type Marks, readBertModel } from "../bert/bert-model.ts";
import { type TokenSequence, tokenBatches } from "../bert/token-batches.ts";
import type { BertWorkerData } from "./bert-worker.ts";
import type { Embedder, EmbedOptions } from "./embedder.ts";
import { type EmbeddingSettings, readEmbeddingSettings, settingsId } from "./embedding-settings.ts";
import { shareThreads, WorkerPool } from "./worker-pool.ts";

/**
 * Tokens of one batch, padding included: few enough that a layer's values stay in the processor's cache (MiniLM: 31 passages a processor
 * second; with 1,000 tokens 27, with 4,000 18). An int8 graph rounds all of a batch by one scale, so there each text is a batch of its own.
 */
const BATCH_TOKENS: Readonly<Record<Precision, number>> = { f32: 512, int8: 0 };
/** Changes with a precision's vectors, so that a store made with others is not searched with them: int8 has had weights of 7 bits since the second. */
const ID_ENDS: Readonly<Record<Precision, string>> = { f32: "", int8: "/int8-2" };

export interface EmbedderOptions {
  /** Default: all cores. From four on they are shared by several workers, for work of several batches. */
  readonly threads?: number;
  /** Default f32. int8 is faster and a little less exact; its vectors are not to be mixed with others. */
  readonly precision?: Precision;
  /** Loads the weights when the first text is embedded, not before: for work that may find nothing to embed. */
  readonly isLazy?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A sentence embedder of the BERT family (MiniLM, BGE, E5, GTE) in threads of its own, which are replaced when they die. */
export class BertEmbedder implements Embedder {
  readonly id: string;
  readonly dimension: number;
  readonly maxTokens: number;
  readonly #pool: WorkerPool;
  readonly #tokenizer: Tokenizer;
  readonly #unknown: number | undefined;
  readonly #settings: EmbeddingSettings;
  readonly #precision: Precision;
  readonly #marks: Marks;

  private constructor(
    resolved: ResolvedModel,
    parts: {
      readonly dimension: number;
      readonly maxTokens: number;
      readonly settings: EmbeddingSettings;
      readonly tokenizer: Tokenizer;
      readonly marks: Marks;
      readonly precision: Precision;
      readonly pool: WorkerPool;
    },
  ) {
    const { settings, tokenizer, precision } = parts;
    this.id = `${resolved.name}@${resolved.fingerprint.slice(0, 16)}/${settingsId(settings)}${ID_ENDS[precision]}`;
    this.#precision = precision;
    this.dimension = parts.dimension;
    this.#pool = parts.pool;
    this.#tokenizer = tokenizer;
    this.#unknown = tokenizer.idOf("[UNK]");
    this.#settings = settings;
    this.#marks = parts.marks;
    this.maxTokens = parts.maxTokens;
  }

  /**
   * Opens a folder with `config.json`, `tokenizer.json` and safetensors weights; pooling, prefixes and the longest sequence as
   * {@link readEmbeddingSettings} finds them. A lazy one throws what is wrong with its weights at the first text.
   * @throws RagError model/invalid, model/unsupported
   */
  static async open(resolved: ResolvedModel, options: EmbedderOptions = {}): Promise<BertEmbedder> {
    const { name, folder } = resolved;
    const { precision = "f32" } = options;
    const { config, tokenizer, marks } = readBertModel(resolved);
    const settings = readEmbeddingSettings(folder, { name, ...config });
    const parts = {
      dimension: config.width,
      maxTokens: roomForText(settings, tokenizer, name),
      settings,
      tokenizer,
      precision,
      marks,
    };
    const { workers, threadsEach } = shareThreads(options.threads ?? availableParallelism());
    const data: BertWorkerData = {
      config,
      weightsPath: resolved.weightsPath,
      pooling: settings.pooling,
      precision,
      threads: threadsEach,
    };
    const module = workerModule("bert-worker", import.meta.url);
    const pool = new WorkerPool(workers, (signal) => LastingWorker.open(module, data, signal));
    const embedder = new BertEmbedder(resolved, { ...parts, pool });
    if (options.isLazy) return embedder;
    try {
      await pool.open(options.signal);
      return embedder;
    } catch (thrown) {
      await pool.close();
      throw thrown;
    }
  }

  countTokens(text: string): number {
    return this.#tokenizer.encode(text).length;
  }

  countUnknown(text: string): number {
    return this.#tokenizer.encode(text).filter((id) => id === this.#unknown).length;
  }

  /** Texts of similar length share a batch, so little is computed for padding. */
  async embed(texts: readonly string[], options: EmbedOptions = {}): Promise<Float32Array[]> {
    const prefix = this.#settings.prefixes[options.kind ?? "passage"];
    const sequences = await mapInSteps(
      texts,
      (text, index) => ({ index, ids: this.#sequence(prefix + text) }),
      options.signal,
    );
    const vectors = new Array<Float32Array>(texts.length);
    let done = 0;
    const batches = tokenBatches(sequences, BATCH_TOKENS[this.#precision]);
    const embedBatch = async (worker: LastingWorker, batch: readonly TokenSequence[]) => {
      const ids = batch.map((sequence) => sequence.ids);
      const found = await worker.call("embed", ids, { signal: options.signal });
      for (const [row, { index }] of batch.entries()) {
        const start = row * this.dimension;
        vectors[index] = (found as Float32Array).slice(start, start + this.dimension);
      }
      done += batch.length;
      options.onProgress?.(done);
    };
    await this.#pool.forEach(batches, embedBatch, options.signal);
    return vectors;
  }

  close(): Promise<void> {
    return this.#pool.close();
  }

  #sequence(text: string): number[] {
    const ids = firstIds(this.#tokenizer, text, this.#settings.maxSequence - 2);
    return [this.#marks.first, ...ids, this.#marks.last];
  }
}

/** Tokens left for a text beside marks and prefix. @throws RagError model/invalid when there are none */
function roomForText(
  { maxSequence, prefixes }: EmbeddingSettings,
  tokenizer: Tokenizer,
  name: string,
): number {
  const count = (text: string) => tokenizer.encode(text).length;
  const prefix = Math.max(count(prefixes.query), count(prefixes.passage));
  const room = maxSequence - 2 - prefix;
  if (room > 0) return room;
  throw new RagError(
    "model/invalid",
    `${name}: its prefix of ${prefix} tokens leaves no room for a text in ${maxSequence}; check the model's folder.`,
  );
}
