import type { DecoderConfig } from "./config.ts";
import type { Engine } from "./engine.ts";
import { PassageCache } from "./passage-cache.ts";
import { PassageFolder } from "./passage-folder.ts";
import type { TrainerOptions } from "./trainer-engine.ts";
import type { PassageRows } from "./training-batch.ts";

/** Keys and values of the prefixes of training examples: from memory, from the folder, or computed and kept. */
export class PassageReader {
  readonly #engine: Engine;
  readonly #isHalf: boolean;
  readonly #cache: PassageCache<PassageRows>;
  readonly #folder: PassageFolder | undefined;
  #seconds = 0;
  #reading: Promise<void> = Promise.resolve();

  private constructor(engine: Engine, options: TrainerOptions, folder: PassageFolder | undefined) {
    this.#engine = engine;
    this.#isHalf = isHalf(options);
    this.#cache = new PassageCache(options.trainingCacheBytes);
    this.#folder = folder;
  }

  /** @throws RagError file/write-failed when passages cannot be kept in the folder */
  static async open(engine: Engine, options: TrainerOptions): Promise<PassageReader> {
    const { passageFolder } = options;
    const folder =
      passageFolder && (await PassageFolder.open(passageFolder, sourceOf(engine, options)));
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

  /** One after the other, so that each prefix is computed once and its time is its own. */
  rows(ids: readonly number[]): Promise<PassageRows> {
    const rows = this.#reading.then(() => this.#read(ids));
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

  async #read(ids: readonly number[]): Promise<PassageRows> {
    if (ids.length === 0) return { data: new Uint16Array(0), count: 0, byteLength: 0 };
    const known = this.#cache.get(ids) ?? (await this.#stored(ids));
    if (known) return known;
    const started = performance.now();
    const data = this.#isHalf
      ? await this.#engine.prefillHalf(ids)
      : (await this.#engine.prefill(ids)).data;
    this.#seconds += (performance.now() - started) / 1000;
    const rows = { data, count: ids.length, byteLength: data.byteLength };
    if (!this.#cache.set(ids, rows)) {
      this.#folder?.set(ids, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    }
    return rows;
  }

  async #stored(ids: readonly number[]): Promise<PassageRows | undefined> {
    const Data = this.#isHalf ? Uint16Array : Float32Array;
    const byteLength =
      ids.length * numbersPerToken(this.#engine.model.config) * Data.BYTES_PER_ELEMENT;
    const stored = await this.#folder?.get(ids, byteLength);
    return stored && { data: new Data(stored), count: ids.length, byteLength };
  }
}

const numbersPerToken = ({ layers, keyValueHeads, headDimension }: DecoderConfig): number =>
  layers * 2 * keyValueHeads * headDimension;

/** Whether passages' rows are kept as f16. */
export const isHalf = ({ trainingCachePrecision }: TrainerOptions): boolean =>
  trainingCachePrecision !== "float32";

/** What the rows of the same ids depend on. */
const sourceOf = ({ model }: Engine, options: TrainerOptions): string =>
  JSON.stringify([model.fingerprint, options.weights, options.exact, isHalf(options)]);
