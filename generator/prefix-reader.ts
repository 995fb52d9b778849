import type { DecoderRuns } from "./decoder-runs.ts";
import type { KeyValueCache } from "./key-value-cache.ts";
import { BLOCK_TOKENS, PrefixCache } from "./prefix-cache.ts";

/** Reads prefixes block by block, from the cache as far as it reaches. */
export class PrefixReader {
  readonly #runs: DecoderRuns;
  readonly #cache: PrefixCache;
  #hitTokens = 0;
  #missedTokens = 0;

  constructor(runs: DecoderRuns, maxBytes: number) {
    this.#runs = runs;
    this.#cache = new PrefixCache(maxBytes);
  }

  get load() {
    return {
      bytes: this.#cache.byteLength,
      maxBytes: this.#cache.maxBytes,
      hitTokens: this.#hitTokens,
      missedTokens: this.#missedTokens,
    };
  }

  /** Fills `cache`, which is empty, with the rows of a prefix, giving way after each computed block. Returns how many were known. */
  async *read(ids: readonly number[], cache: KeyValueCache): AsyncGenerator<void, number> {
    for (const rows of this.#cache.find(ids)) cache.append(rows);
    const known = cache.length;
    this.#hitTokens += known;
    this.#missedTokens += ids.length - known;
    while (cache.length < ids.length) {
      const start = cache.length;
      const piece = ids.slice(start, start + BLOCK_TOKENS);
      const { added } = await this.#runs.piece({ ids: piece, cache });
      this.#cache.add(ids.slice(0, start), piece, added);
      cache.append(added);
      yield;
    }
    return known;
  }

  clear(): void {
    this.#cache.clear();
  }
}
