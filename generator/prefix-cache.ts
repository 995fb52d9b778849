import type { CacheRows } from "./key-value-cache.ts";

/** Tokens per block: prefixes are shared in units of this many, and computed in runs of it. */
export const BLOCK_TOKENS = 64;

interface Block {
  readonly ids: readonly number[];
  readonly rows: CacheRows;
  readonly parent: Block | undefined;
  readonly children: Map<string, Block>;
}

/**
 * Keys and values of token prefixes (system text and passages) in blocks that hang off each other: prefixes that begin alike share
 * their first blocks. Bounded in bytes; the least recently used makes room. What follows a block is never kept longer than it.
 */
export class PrefixCache {
  readonly maxBytes: number;
  readonly #roots = new Map<string, Block>();
  /** By use, the least recent first; a block always comes after those that hang off it. */
  readonly #used = new Set<Block>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get byteLength(): number {
    return this.#bytes;
  }

  /** The rows of the longest known beginning of `ids`: whole blocks, and the rest when that was kept as it is here. */
  find(ids: readonly number[]): readonly CacheRows[] {
    const path: Block[] = [];
    for (const piece of blocksOf(ids)) {
      const block = (path.at(-1)?.children ?? this.#roots).get(keyOf(piece));
      if (!block) break;
      path.push(block);
    }
    this.#touch(path);
    return path.map(({ rows }) => rows);
  }

  /** Keeps the rows of one block that follows the `before` tokens, if those are kept and there is, or can be made, room. */
  add(before: readonly number[], ids: readonly number[], rows: CacheRows): void {
    const path: Block[] = [];
    for (const piece of blocksOf(before)) {
      const block = (path.at(-1)?.children ?? this.#roots).get(keyOf(piece));
      if (!block) return;
      path.push(block);
    }
    const parent = path.at(-1);
    const siblings = parent?.children ?? this.#roots;
    if (siblings.has(keyOf(ids))) return;
    this.#touch(path);
    if (!this.#makeRoom(rows.data.byteLength, new Set(path))) return;
    const block = { ids, rows, parent, children: new Map<string, Block>() };
    siblings.set(keyOf(ids), block);
    this.#bytes += rows.data.byteLength;
    this.#touch([...path, block]);
  }

  clear(): void {
    this.#roots.clear();
    this.#used.clear();
    this.#bytes = 0;
  }

  #touch(path: readonly Block[]): void {
    for (const block of path.toReversed()) {
      this.#used.delete(block);
      this.#used.add(block);
    }
  }

  #makeRoom(bytes: number, needed: ReadonlySet<Block>): boolean {
    for (const block of this.#used) {
      if (this.#bytes + bytes <= this.maxBytes) return true;
      if (needed.has(block)) return false;
      (block.parent?.children ?? this.#roots).delete(keyOf(block.ids));
      this.#used.delete(block);
      this.#bytes -= block.rows.data.byteLength;
    }
    return this.#bytes + bytes <= this.maxBytes;
  }
}

/** A text whose beginning, in whole blocks, is kept to be found again by texts that begin alike; at least one id stays behind it. */
export function splitAtBlock(ids: readonly number[]): {
  readonly prefixIds: readonly number[];
  readonly ids: readonly number[];
} {
  const cut = Math.max(0, Math.floor((ids.length - 1) / BLOCK_TOKENS)) * BLOCK_TOKENS;
  return { prefixIds: ids.slice(0, cut), ids: ids.slice(cut) };
}

/** Ids in pieces of a block each, the last one as long as it is. */
export const blocksOf = (ids: readonly number[]): readonly (readonly number[])[] =>
  Array.from({ length: Math.ceil(ids.length / BLOCK_TOKENS) }, (_, index) =>
    ids.slice(index * BLOCK_TOKENS, (index + 1) * BLOCK_TOKENS),
  );

const keyOf = (ids: readonly number[]): string => ids.join(",");
