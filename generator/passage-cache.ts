/** Anything kept, with its size. */
export interface CacheEntry {
  readonly byteLength: number;
}

/**
 * Keys and values of blocks of training examples' prefixes, by what names them and bounded in bytes. What came first stays: a training run visits all examples in
 * turn and would otherwise evict each entry just before its next use.
 */
export class PassageCache<Entry extends CacheEntry> {
  readonly maxBytes: number;
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get byteLength(): number {
    return this.#bytes;
  }

  get(key: string): Entry | undefined {
    return this.#entries.get(key);
  }

  /** Keeps an entry if there is room for it. Returns whether it is kept. */
  set(key: string, entry: Entry): boolean {
    if (this.#entries.has(key)) return true;
    if (this.#bytes + entry.byteLength > this.maxBytes) return false;
    this.#entries.set(key, entry);
    this.#bytes += entry.byteLength;
    return true;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
