/** Anything kept per prefix, with its size. */
export interface CacheEntry {
  readonly byteLength: number;
}

/**
 * Keys and values of token prefixes (system text and passages), bounded in bytes. With "recent", the least recently used
 * makes room. With "first", what came first stays: a training run that visits all examples in turn would otherwise
 * evict each entry just before its next use.
 */
export class PassageCache<Entry extends CacheEntry> {
  readonly maxBytes: number;
  readonly #keep: "recent" | "first";
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  constructor(maxBytes: number, keep: "recent" | "first") {
    this.maxBytes = maxBytes;
    this.#keep = keep;
  }

  get byteLength(): number {
    return this.#bytes;
  }

  get(ids: readonly number[]): Entry | undefined {
    const key = keyOf(ids);
    const entry = this.#entries.get(key);
    if (entry && this.#keep === "recent") {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  /** Keeps an entry if there is, or can be made, room for it. */
  set(ids: readonly number[], entry: Entry): void {
    const key = keyOf(ids);
    if (this.#entries.has(key)) return;
    if (this.#keep === "recent") this.#makeRoom(entry.byteLength);
    if (this.#bytes + entry.byteLength > this.maxBytes) return;
    this.#entries.set(key, entry);
    this.#bytes += entry.byteLength;
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #makeRoom(bytes: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes + bytes <= this.maxBytes) return;
      this.#entries.delete(key);
      this.#bytes -= entry.byteLength;
    }
  }
}

const keyOf = (ids: readonly number[]): string => ids.join(",");
