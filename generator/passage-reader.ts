import { sha256 } from "../core/index.ts";
import { halfToFloats } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import type { Engine } from "./engine.ts";
import { type CacheRows, KeyValueCache } from "./key-value-cache.ts";
import { PassageCache } from "./passage-cache.ts";
import { PassageFolder } from "./passage-folder.ts";
import { BLOCK_TOKENS, blocksOf } from "./prefix-cache.ts";
import type { TrainerOptions } from "./trainer-engine.ts";
import type { PassageBlock, PassageRows } from "./training-batch.ts";
import { yieldToMessages } from "./yield-to-messages.ts";

/**
 * Keys and values of the prefixes of training examples, block by block: from memory, from the folder, or computed and kept. Prefixes that
 * begin alike, as those of questions about the same passage do, share their first blocks.
 */
export class PassageReader {
  readonly #engine: Engine;
  readonly #isHalf: boolean;
  readonly #cache: PassageCache<PassageBlock>;
  readonly #folder: PassageFolder | undefined;
  /** What rows depend on beside the ids. */
  readonly #source: string;
  #seconds = 0;
  #reading: Promise<void> = Promise.resolve();

  private constructor(engine: Engine, options: TrainerOptions, folder: PassageFolder | undefined) {
    this.#engine = engine;
    this.#isHalf = isHalf(options);
    this.#cache = new PassageCache(options.trainingCacheBytes);
    this.#folder = folder;
    this.#source = sourceOf(engine, options);
  }

  /** @throws RagError file/write-failed when passages cannot be kept in the folder */
  static async open(engine: Engine, options: TrainerOptions): Promise<PassageReader> {
    const { passageFolder } = options;
    const folder = passageFolder && (await PassageFolder.open(passageFolder));
    return new PassageReader(engine, options, folder);
  }

  /** Bytes kept in memory now. */
  get cachedBytes(): number {
    return this.#cache.byteLength;
  }

  /** Seconds of computing since this was asked last. */
  takeSeconds(): number {
    const seconds = this.#seconds;
    this.#seconds = 0;
    return seconds;
  }

  /**
   * One after the other, so that each prefix is computed once and its time is its own. Blocks that were computed before an abort are kept.
   * @throws the signal's reason when aborted
   */
  rows(ids: readonly number[], signal?: AbortSignal): Promise<PassageRows> {
    const rows = this.#reading.then(() => this.#read(ids, signal));
    this.#reading = rows.then(
      () => undefined,
      () => undefined, // told to who asked for it
    );
    return rows;
  }

  async close(): Promise<void> {
    await this.#folder?.close();
    this.#cache.clear();
  }

  async #read(ids: readonly number[], signal: AbortSignal | undefined): Promise<PassageRows> {
    const blocks: PassageBlock[] = [];
    /** The blocks for the engine, as far as it needed them. */
    let cache: KeyValueCache | undefined;
    let key = this.#source;
    for (const piece of blocksOf(ids)) {
      key = sha256(`${key} ${piece.join()}`);
      let block = this.#cache.get(key) ?? (await this.#stored(key, piece.length));
      if (!block) {
        cache ??= new KeyValueCache(this.#engine.model.config, ids.length);
        const missing = blocks.slice(cache.length / BLOCK_TOKENS);
        // As they are kept: a block has the same bytes whether those before it were just computed or not.
        for (const before of missing) cache.append(exactRows(before));
        await yieldToMessages();
        signal?.throwIfAborted();
        block = await this.#compute(key, cache, piece);
      }
      blocks.push(block);
    }
    return { blocks, count: ids.length };
  }

  async #compute(
    key: string,
    before: KeyValueCache,
    ids: readonly number[],
  ): Promise<PassageBlock> {
    const started = performance.now();
    const precision = this.#isHalf ? "float16" : "float32";
    const data = await this.#engine.rowsBehind(before, ids, precision);
    this.#seconds += (performance.now() - started) / 1000;
    const block = { data, count: ids.length, byteLength: data.byteLength };
    if (!this.#cache.set(key, block)) {
      this.#folder?.set(key, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    return block;
  }

  async #stored(key: string, count: number): Promise<PassageBlock | undefined> {
    const Data = this.#isHalf ? Uint16Array : Float32Array;
    const byteLength = count * numbersPerToken(this.#engine.model.config) * Data.BYTES_PER_ELEMENT;
    const stored = await this.#folder?.get(key, byteLength);
    return stored && { data: new Data(stored), count, byteLength };
  }
}

/** A block as the engine takes it. */
export const exactRows = ({ data, count }: PassageBlock): CacheRows => ({
  data: data instanceof Float32Array ? data : halfToFloats(data),
  count,
});

const numbersPerToken = ({ layers, keyValueHeads, headDimension }: DecoderConfig): number =>
  layers * 2 * keyValueHeads * headDimension;

/** Whether passages' rows are kept as f16. */
export const isHalf = ({ trainingCachePrecision }: TrainerOptions): boolean =>
  trainingCachePrecision !== "float32";

/** What rows of the same ids depend on. */
const sourceOf = ({ model }: Engine, options: TrainerOptions): string =>
  JSON.stringify([
    model.fingerprint,
    options.weights,
    options.exact,
    isHalf(options),
    BLOCK_TOKENS,
  ]);
