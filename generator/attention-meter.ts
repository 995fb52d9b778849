import { type Conditioning, isAdaptation } from "./conditioning.ts";
import type { DecoderRuns } from "./decoder-runs.ts";
import { deepRows } from "./deep-rows.ts";
import type { EngineOptions } from "./engine-options.ts";
import { withConditioningInFront } from "./in-front.ts";
import { KeyValueCache } from "./key-value-cache.ts";
import type { DecoderSource } from "./model.ts";
import { openRuns } from "./open-runs.ts";
import type { TrainingExample } from "./trainer-engine.ts";
import { yieldToMessages } from "./yield-to-messages.ts";

/** Where the tokens that write an answer look: shares of 1, means over heads, layers, those tokens and examples. */
export interface AttentionShares {
  /** Of each virtual token, [K]. */
  readonly virtualTokens: readonly number[];
  /** Of what stands before them: system text and passages. */
  readonly before: number;
  /** Of what stands after them: the question and the answer so far. */
  readonly after: number;
}

/** Reads examples with the serving weights, and tells how attention is shared out. */
export class AttentionMeter {
  readonly #model: DecoderSource;
  readonly #runs: DecoderRuns;

  private constructor(model: DecoderSource, runs: DecoderRuns) {
    this.#model = model;
    this.#runs = runs;
  }

  static async open(
    model: DecoderSource,
    options: EngineOptions,
    signal?: AbortSignal,
  ): Promise<AttentionMeter> {
    const runs = await openRuns(model, { ...options, observesAttention: true }, signal);
    return new AttentionMeter(model, runs);
  }

  /**
   * The mean over `examples`, at least one; undefined for changed weights, which add no tokens.
   * @throws RagError engine/failed; the signal's reason when aborted
   */
  async shares(
    examples: readonly TrainingExample[],
    conditioning: Conditioning,
    signal?: AbortSignal,
  ): Promise<AttentionShares | undefined> {
    if (isAdaptation(conditioning)) return undefined;
    const sums = new Float64Array(conditioning.count + 2);
    for (const example of examples) {
      await yieldToMessages();
      signal?.throwIfAborted();
      const one = await this.#columns(example, conditioning);
      for (const [index, share] of one.entries()) sums[index]! += share / examples.length;
    }
    const [before = 0, ...rest] = sums;
    return { before, virtualTokens: rest.slice(0, -1), after: rest.at(-1) ?? 0 };
  }

  async close(): Promise<void> {
    await this.#runs.close();
  }

  /** Shares of one example: what stands before, each virtual token, what stands after. */
  async #columns(
    { prefixIds, ids, answerIds }: TrainingExample,
    conditioning: Conditioning,
  ): Promise<number[]> {
    const { config } = this.#model;
    // The last token of the answer writes nothing any more.
    const tail = [...ids, ...answerIds.slice(0, -1)];
    const request = withConditioningInFront({ prefixIds, ids: tail, conditioning }, config);
    const own = request.conditioning;
    const deep = own.kind === "deep" ? own : undefined;
    const virtual = own.kind === "virtual" ? own : undefined;
    const before = request.prefixIds.length;
    const cache = new KeyValueCache(config, before + (deep?.count ?? 0));
    if (before > 0) cache.append((await this.#runs.piece({ ids: request.prefixIds, cache })).added);
    if (deep) cache.append(deepRows(deep, config, before));
    const rows = answerIds.length;
    const attention = await this.#runs.attention({ ids: request.ids, cache, virtual }, rows);
    const width = attention.length / config.layers;
    const columns = new Float64Array(width);
    const parts = config.layers * config.heads * rows;
    for (const [index, sum] of attention.entries()) columns[index % width]! += sum / parts;
    const total = (from: number, to: number) =>
      columns.subarray(from, to).reduce((sum, share) => sum + share, 0);
    // Between the cache's rows and the piece's there may be free ones, which nothing attends to.
    const start = deep ? before : width - own.count - request.ids.length;
    const end = start + own.count;
    return [total(0, start), ...columns.subarray(start, end), total(end, width)];
  }
}
