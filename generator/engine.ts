import { RagError } from "../core/index.ts";
import { openWeights } from "../runtime/index.ts";
import type { Conditioning } from "./conditioning.ts";
import type { DecoderRuns } from "./decoder-runs.ts";
import { DecodingBatch } from "./decoding-batch.ts";
import {
  contextLengthOf,
  DEFAULT_MAX_SEQUENCES,
  DEFAULT_PASSAGE_CACHE_BYTES,
  type EngineOptions,
} from "./engine-options.ts";
import {
  type EngineLoad,
  type GeneratedToken,
  type GenerationSummary,
  requireRoom,
  type TextBehindPrefixes,
} from "./generation.ts";
import { type CacheRows, KeyValueCache } from "./key-value-cache.ts";
import type { DecoderSource } from "./model.ts";
import { openRuns } from "./open-runs.ts";
import { PrefixReader } from "./prefix-reader.ts";
import { type PromptScore, scoreToken, UNSCORED } from "./prompt-scores.ts";
import { unrotateRows } from "./rotary-tables.ts";
import { type PreparedRequest, Sequence } from "./sequence.ts";
import { readEmbeddingTable } from "./weight-parts.ts";
import { yieldToMessages } from "./yield-to-messages.ts";

/** Scoring keeps f32 [tokens, V] for each piece. */
const SCORED_TOKENS = 128;

/** The frozen model, ready to run in this thread. Requests that come while others run are decoded together with them. */
export class Engine {
  readonly model: DecoderSource;
  readonly contextLength: number;
  readonly maxSequences: number;
  readonly #runs: DecoderRuns;
  readonly #prefixes: PrefixReader;
  readonly #batch: DecodingBatch;

  private constructor(model: DecoderSource, runs: DecoderRuns, options: EngineOptions) {
    this.model = model;
    this.contextLength = contextLengthOf(model.config, options);
    this.maxSequences = options.maxSequences ?? DEFAULT_MAX_SEQUENCES;
    this.#runs = runs;
    const maxBytes = options.passageCacheBytes ?? DEFAULT_PASSAGE_CACHE_BYTES;
    this.#prefixes = new PrefixReader(this.#runs, maxBytes);
    this.#batch = new DecodingBatch(model.config, this.#runs, {
      prefixes: this.#prefixes,
      maxSequences: this.maxSequences,
    });
  }

  /**
   * Prepares the weights (once per model) and compiles the inference graph.
   * @throws RagError model/invalid, engine/failed, file/write-failed; the signal's reason when aborted
   */
  static async open(
    model: DecoderSource,
    options: EngineOptions,
    signal?: AbortSignal,
  ): Promise<Engine> {
    return new Engine(model, await openRuns(model, options, signal), options);
  }

  /** What is running, waiting and cached now. */
  get load(): EngineLoad {
    return {
      ...this.#batch.load,
      maxSequences: this.maxSequences,
      passageCache: this.#prefixes.load,
    };
  }

  /**
   * Generates until a stop id, the token limit or an abort; the stop id is not yielded. Returns what was used. Work goes on between
   * the reader's calls; leaving the iteration ends it.
   * @throws RagError context/overflow when prompt and answer do not fit the context
   */
  async *generate(
    request: PreparedRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<GeneratedToken, GenerationSummary> {
    const promptTokens = requireRoom(request, this.contextLength);
    const sequence = new Sequence(request, promptTokens, signal);
    this.#batch.add(sequence);
    return yield* sequence.tokens();
  }

  /**
   * Scores of the next token after each virtual token and each of `ids`, behind a prefix: f32 [K + ids, V].
   * For checks and for scoring given texts; not kept.
   */
  async logits(
    ids: readonly number[],
    behind: {
      readonly prefixIds?: readonly number[];
      readonly conditioning?: Conditioning & { kind: "virtual" };
    } = {},
  ): Promise<Float32Array> {
    const { prefixIds = [], conditioning: virtual } = behind;
    const cache = await this.#prefixCache(prefixIds);
    return this.#runs.logits({ ids, cache, virtual });
  }

  /**
   * How likely the model finds each token of a text, in pieces, so that the scores of the whole vocabulary never pile up.
   * `ids`: at least one. `topCount`: alternatives told for each.
   * @throws RagError context/overflow when the text does not fit the context
   */
  async scorePrompt(
    ids: readonly number[],
    topCount: number,
    signal?: AbortSignal,
  ): Promise<PromptScore[]> {
    requireRoom({ prefixIds: [], ids, maxTokens: 0 }, this.contextLength);
    const cache = new KeyValueCache(this.model.config, ids.length);
    const scores: PromptScore[] = [UNSCORED];
    for (let start = 0; start < ids.length; start += SCORED_TOKENS) {
      signal?.throwIfAborted();
      const piece = ids.slice(start, start + SCORED_TOKENS);
      const { added, logits } = await this.#runs.scoredPiece({ ids: piece, cache });
      cache.append(added);
      const width = logits.length / piece.length;
      for (const row of piece.keys()) {
        const next = ids[start + row + 1];
        if (next === undefined) break;
        scores.push(scoreToken(logits.subarray(row * width, (row + 1) * width), next, topCount));
      }
    }
    return scores;
  }

  /**
   * How likely the model finds the same text behind each of several prefixes: the mean log probability of its ids but the first, which is
   * only read. Prefixes are kept as those of answers are, and others' tokens go on between their pieces. `ids`: at least two.
   * @throws RagError context/overflow when a prefix and the text do not fit the context
   */
  async scoreBehind(
    { prefixes, ids }: TextBehindPrefixes,
    signal?: AbortSignal,
  ): Promise<number[]> {
    const means: number[] = [];
    for (const prefixIds of prefixes) {
      requireRoom({ prefixIds, ids, maxTokens: 0 }, this.contextLength);
      const cache = await this.#prefixCache(prefixIds, signal);
      const logs = await this.#runs.logProbabilities({ ids, cache });
      means.push(logs.reduce((sum, log) => sum + log, 0) / logs.length);
    }
    return means;
  }

  /** Keys and values of a prefix, from the cache or computed. */
  async prefill(ids: readonly number[], signal?: AbortSignal): Promise<CacheRows> {
    return { data: (await this.#prefixCache(ids, signal)).rows(), count: ids.length };
  }

  /**
   * Keys and values of a piece behind those of a cache, which does not get them: f32, or f16 as its bits, [layers · 2 · KV heads, ids, D].
   * The same ids behind the same rows give the same bytes.
   */
  async rowsBehind(
    cache: KeyValueCache,
    ids: readonly number[],
    precision: "float32" | "float16",
  ): Promise<Float32Array | Uint16Array> {
    if (precision === "float16") return this.#runs.halfRows({ ids, cache });
    return (await this.#runs.piece({ ids, cache })).added.data;
  }

  /** Token embeddings: f32 [ids, H]. A learned prompt can start from those of a text. */
  embeddings(ids: readonly number[]): Float32Array {
    const file = openWeights(this.model.weightsPath);
    try {
      const { width } = this.model.config;
      const table = readEmbeddingTable(file, this.model.config);
      const rows = new Float32Array(ids.length * width);
      for (const [index, id] of ids.entries()) {
        rows.set(table.subarray(id * width, (id + 1) * width), index * width);
      }
      return rows;
    } finally {
      file.close();
    }
  }

  /** Keys (before rotation) and values of a text that stands alone: deep tokens can start from them. */
  async deepTokens(
    ids: readonly number[],
    signal?: AbortSignal,
  ): Promise<Conditioning & { kind: "deep" }> {
    const { config } = this.model;
    const { data } = await this.prefill(ids, signal);
    const size = config.keyValueHeads * ids.length * config.headDimension;
    const block = (index: number) => data.slice(index * size, (index + 1) * size);
    const layers = Array.from({ length: config.layers }, (_, layer) => layer);
    return {
      kind: "deep",
      count: ids.length,
      keys: layers.map((layer) => unrotateRows(block(2 * layer), config, 0, ids.length)),
      values: layers.map((layer) => block(2 * layer + 1)),
    };
  }

  /** Ends what is under way and frees the native memory. */
  async close(): Promise<void> {
    await this.#batch.close(new RagError("engine/failed", "engine: was closed; start again."));
    this.#prefixes.clear();
    await this.#runs.close();
  }

  async #prefixCache(ids: readonly number[], signal?: AbortSignal): Promise<KeyValueCache> {
    const cache = new KeyValueCache(this.model.config, ids.length);
    for await (const _ of this.#prefixes.read(ids, cache)) {
      await yieldToMessages();
      signal?.throwIfAborted();
    }
    return cache;
  }
}
