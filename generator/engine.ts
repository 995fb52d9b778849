import { join } from "node:path";
import { RagError, Random } from "../core/index.ts";
import { Graph } from "../graph/index.ts";
import {
  floats,
  integers,
  openWeights,
  type Provider,
  type Session,
  type Tensor,
} from "../runtime/index.ts";
import { adaptGraph } from "./adaptation.ts";
import { compileGraph } from "./compiled-graphs.ts";
import type { Adaptation, Conditioning } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import { buildInferenceGraph } from "./inference-graph.ts";
import { type CacheRows, KeyValueCache } from "./key-value-cache.ts";
import { causalMask } from "./masks.ts";
import type { DecoderSource } from "./model.ts";
import { PassageCache } from "./passage-cache.ts";
import { type PromptScore, scoreToken, UNSCORED } from "./prompt-scores.ts";
import { rotateRows, unrotateRows } from "./rotary-tables.ts";
import { logProbability, type Sampling, sampleToken } from "./sampling.ts";
import { openWeightLayout, type WeightFormat } from "./weight-layout.ts";
import { readEmbeddingTable } from "./weight-parts.ts";

export interface EngineOptions {
  /** Where re-arranged weights and compiled graphs are kept. */
  readonly cacheFolder: string;
  readonly threads?: number;
  readonly provider?: Provider;
  /** "packed" serves blocks as in the file; "float32" computes everything in f32. */
  readonly weights?: WeightFormat;
  /** With packed weights: computes in f32 instead of rounding activations to 8 bits. */
  readonly exact?: boolean;
  /** Bytes of keys and values kept for passages that come again. */
  readonly passageCacheBytes?: number;
  /** The longest context, at most the model's own. */
  readonly contextLength?: number;
  /** Runs the model with other weights than its file's. */
  readonly adaptation?: Adaptation;
}

export interface GenerationRequest {
  /** Ids that other requests share: system text and passages. Their keys and values are cached. */
  readonly prefixIds: readonly number[];
  readonly conditioning?: Conditioning;
  /** Ids after the virtual tokens: the question. At least one. */
  readonly ids: readonly number[];
  readonly maxTokens: number;
  readonly stopIds: readonly number[];
  readonly sampling: Sampling;
  /** Asks for the log probability of every token. */
  readonly logProbabilities?: boolean;
}

export interface GeneratedToken {
  readonly id: number;
  readonly logProbability?: number;
}

export interface GenerationSummary {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly finishReason: "stop" | "length";
  readonly prefillMs: number;
  readonly decodeMs: number;
}

interface PassageRows extends CacheRows {
  readonly byteLength: number;
}

const DEFAULT_PASSAGE_CACHE_BYTES = 256 * 2 ** 20;
const DEFAULT_CONTEXT = 8192;
/** Prefill runs in pieces of this many tokens, so that scores stay small and a request can be cancelled. */
const PREFILL_TOKENS = 1024;
/** Scoring keeps f32 [tokens, V] for each piece. */
const SCORED_TOKENS = 128;

/** The frozen model, ready to run in this thread. */
export class Engine {
  readonly model: DecoderSource;
  readonly contextLength: number;
  readonly #session: Session;
  readonly #passages: PassageCache<PassageRows>;

  private constructor(model: DecoderSource, session: Session, options: EngineOptions) {
    this.model = model;
    this.#session = session;
    this.contextLength = contextLengthOf(model.config, options);
    this.#passages = new PassageCache(
      options.passageCacheBytes ?? DEFAULT_PASSAGE_CACHE_BYTES,
      "recent",
    );
  }

  /** Prepares the weights (once per model) and compiles the inference graph. */
  static async open(model: DecoderSource, options: EngineOptions): Promise<Engine> {
    const folder = engineFolder(model, options);
    const weights = await openWeightLayout(model, {
      folder,
      format: options.weights ?? "packed",
      positions: contextLengthOf(model.config, options),
    });
    const graph = new Graph();
    const adapted = adaptGraph(graph, { config: model.config, weights }, options.adaptation);
    buildInferenceGraph({ ...adapted.decoder, exact: options.exact ?? false }, graph);
    const session = await compileGraph(graph, folder, options);
    session.bind(adapted.feeds);
    return new Engine(model, session, options);
  }

  /**
   * Generates until a stop id, the token limit or an abort; the stop id is not yielded. Returns what was used.
   * @throws RagError context/overflow when prompt and answer do not fit the context
   */
  async *generate(
    request: GenerationRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<GeneratedToken, GenerationSummary> {
    const started = performance.now();
    const promptTokens = this.#requireRoom(request);
    const { cache, cachedTokens } = await this.#preparePrefix(request, promptTokens, signal);
    const random = new Random(request.sampling.seed);
    const isGreedy = request.sampling.temperature === 0;
    const needsLogits = !isGreedy || request.logProbabilities === true;
    let next = await this.#runTail(request, cache, needsLogits);
    const decodeStarted = performance.now();
    const count = { completion: 0 };
    let finishReason: "stop" | "length" = "length";
    while (count.completion < request.maxTokens) {
      const id = isGreedy ? next.token : sampleToken(next.logits!, request.sampling, random);
      if (request.stopIds.includes(id)) {
        finishReason = "stop";
        break;
      }
      count.completion++;
      yield request.logProbabilities
        ? { id, logProbability: logProbability(next.logits!, id) }
        : { id };
      if (count.completion === request.maxTokens) break;
      await yieldToMessages();
      signal?.throwIfAborted();
      next = await this.#run({ ids: [id], cache, needsLogits });
    }
    return {
      promptTokens,
      cachedTokens,
      completionTokens: count.completion,
      finishReason,
      prefillMs: decodeStarted - started,
      decodeMs: performance.now() - decodeStarted,
    };
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
    const cache = new KeyValueCache(this.model.config, prefixIds.length);
    if (prefixIds.length > 0) cache.append(await this.prefill(prefixIds));
    const rows = Array.from({ length: ids.length + (virtual?.count ?? 0) }, (_, row) => row);
    const outputs = await this.#session.run(this.#feeds({ ids, cache, rows, virtual }), ["logits"]);
    return outputs["logits"]!.data as Float32Array;
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
    this.#requireRoom({ prefixIds: [], ids, maxTokens: 0 });
    const cache = new KeyValueCache(this.model.config, ids.length);
    const scores: PromptScore[] = [UNSCORED];
    for (let start = 0; start < ids.length; start += SCORED_TOKENS) {
      await yieldToMessages();
      signal?.throwIfAborted();
      const piece = ids.slice(start, start + SCORED_TOKENS);
      const rows = piece.map((_, row) => row);
      const outputs = await this.#session.run(this.#feeds({ ids: piece, cache, rows }), [
        "added",
        "logits",
      ]);
      cache.append({ data: outputs["added"]!.data as Float32Array, count: piece.length });
      const logits = outputs["logits"]!.data as Float32Array;
      const width = logits.length / piece.length;
      for (const row of rows) {
        const next = ids[start + row + 1];
        if (next === undefined) break;
        scores.push(scoreToken(logits.subarray(row * width, (row + 1) * width), next, topCount));
      }
    }
    return scores;
  }

  /** Keys and values of a prefix, from the cache or computed. */
  async prefill(ids: readonly number[], signal?: AbortSignal): Promise<CacheRows> {
    return (await this.#passageRows(ids, signal)).rows;
  }

  /** Like {@link Engine.prefill} for one piece, as f16 and not kept: [layers · 2 · KV heads, ids, D]. */
  async prefillHalf(ids: readonly number[]): Promise<Uint16Array> {
    const cache = new KeyValueCache(this.model.config, 0);
    const outputs = await this.#session.run(this.#feeds({ ids, cache, rows: [ids.length - 1] }), [
      "addedHalf",
    ]);
    const { data } = outputs["addedHalf"]!;
    return new Uint16Array(data.buffer, data.byteOffset, data.length);
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
  async deepTokens(ids: readonly number[]): Promise<Conditioning & { kind: "deep" }> {
    const { config } = this.model;
    const { data } = await this.prefill(ids);
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

  async close(): Promise<void> {
    this.#passages.clear();
    await this.#session.close();
  }

  #requireRoom({
    prefixIds,
    conditioning,
    ids,
    maxTokens,
  }: Pick<GenerationRequest, "prefixIds" | "conditioning" | "ids" | "maxTokens">): number {
    const prompt = prefixIds.length + (conditioning?.count ?? 0) + ids.length;
    if (ids.length === 0 && conditioning?.kind !== "virtual") {
      throw new RagError("request/invalid", "prompt: is empty; write a question.");
    }
    if (prompt + maxTokens > this.contextLength) {
      throw new RagError(
        "context/overflow",
        `the prompt has ${prompt} tokens and the answer may have ${maxTokens}, together more than the context of ${this.contextLength}; shorten the question or ask for fewer tokens.`,
      );
    }
    return prompt;
  }

  async #preparePrefix(
    request: GenerationRequest,
    promptTokens: number,
    signal?: AbortSignal,
  ): Promise<{ cache: KeyValueCache; cachedTokens: number }> {
    const { prefixIds, conditioning, maxTokens } = request;
    const cache = new KeyValueCache(this.model.config, promptTokens + maxTokens);
    let cachedTokens = 0;
    if (prefixIds.length > 0) {
      const { rows, wasCached } = await this.#passageRows(prefixIds, signal);
      cache.append(rows);
      cachedTokens = wasCached ? prefixIds.length : 0;
    }
    if (conditioning?.kind === "deep") {
      cache.append(deepRows(conditioning, this.model.config, prefixIds.length));
    }
    return { cache, cachedTokens };
  }

  async #passageRows(
    ids: readonly number[],
    signal?: AbortSignal,
  ): Promise<{ rows: CacheRows; wasCached: boolean }> {
    const known = this.#passages.get(ids);
    if (known) return { rows: known, wasCached: true };
    const cache = new KeyValueCache(this.model.config, ids.length);
    for (let start = 0; start < ids.length; start += PREFILL_TOKENS) {
      await yieldToMessages();
      signal?.throwIfAborted();
      await this.#run({ ids: ids.slice(start, start + PREFILL_TOKENS), cache });
    }
    const data = cache.rows();
    const rows = { data, count: ids.length, byteLength: data.byteLength };
    this.#passages.set(ids, rows);
    return { rows, wasCached: false };
  }

  #runTail(request: GenerationRequest, cache: KeyValueCache, needsLogits: boolean) {
    const virtual = request.conditioning?.kind === "virtual" ? request.conditioning : undefined;
    return this.#run({ ids: request.ids, cache, virtual, needsLogits });
  }

  /** One run over new tokens: their rows join the cache; the scores after the last one come back. */
  async #run(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
    readonly virtual?: (Conditioning & { kind: "virtual" }) | undefined;
    readonly needsLogits?: boolean;
  }): Promise<{ token: number; logits?: Float32Array }> {
    const count = step.ids.length + (step.virtual?.count ?? 0);
    const outputs = await this.#session.run(this.#feeds({ ...step, rows: [count - 1] }), [
      "added",
      "token",
      ...(step.needsLogits ? ["logits"] : []),
    ]);
    step.cache.append({ data: outputs["added"]!.data as Float32Array, count });
    const token = Number(outputs["token"]!.data[0]);
    return step.needsLogits
      ? { token, logits: outputs["logits"]!.data as Float32Array }
      : { token };
  }

  #feeds(step: {
    readonly ids: readonly number[];
    readonly cache: KeyValueCache;
    readonly rows: readonly number[];
    readonly virtual?: (Conditioning & { kind: "virtual" }) | undefined;
  }): Record<string, Tensor> {
    const { ids, cache, rows, virtual } = step;
    const count = ids.length + (virtual?.count ?? 0);
    const { tensors, capacity } = cache.view();
    return {
      ...tensors,
      virtual: floats(virtual?.rows ?? new Float32Array(0), [
        1,
        virtual?.count ?? 0,
        this.model.config.width,
      ]),
      ids: integers(ids, [1, ids.length]),
      positions: integers(
        Array.from({ length: count }, (_, i) => cache.length + i),
        [1, count],
      ),
      mask: causalMask({ tokens: count, past: cache.length, capacity }),
      rows: integers(rows),
    };
  }
}

/** The rows of deep tokens as they stand in a cache behind `position` others: keys rotated to their places. */
export function deepRows(
  deep: Conditioning & { kind: "deep" },
  config: DecoderConfig,
  position: number,
): CacheRows {
  const size = config.keyValueHeads * deep.count * config.headDimension;
  const data = new Float32Array(config.layers * 2 * size);
  for (let layer = 0; layer < config.layers; layer++) {
    data.set(rotateRows(deep.keys[layer]!, config, position, deep.count), 2 * layer * size);
    data.set(deep.values[layer]!, (2 * layer + 1) * size);
  }
  return { data, count: deep.count };
}

export const contextLengthOf = (config: DecoderConfig, options: EngineOptions): number =>
  Math.min(config.contextLength, options.contextLength ?? DEFAULT_CONTEXT);

/** The folder of one model's re-arranged weights and graphs. */
export const engineFolder = (model: DecoderSource, options: EngineOptions): string =>
  join(options.cacheFolder, "engine", model.fingerprint.slice(0, 16));

/** Lets messages (a cancellation, another request) in: a run blocks the thread. */
const yieldToMessages = () => new Promise<void>((resolve) => setImmediate(resolve));
