import type { Corpus } from "../corpus/corpus.ts";
import { BestNeighbours } from "../index/best-neighbours.ts";
import { dotProduct } from "../index/dot-product.ts";
import { IdSet } from "../index/id-set.ts";
import type { Neighbour } from "../index/vector-index.ts";
import type { Filter } from "./filter.ts";

/** Filters whose chunks are remembered. */
const MAX_FILTERS = 8;
/** Vectors of a filter's chunks are kept for its next search when they take no more. */
const MAX_KEPT_BYTES = 2 ** 23;

/** The chunks that a filter accepts, at one state of the store. */
export class FilteredChunks {
  readonly #corpus: Corpus;
  readonly #ids: IdSet;
  #vectors: Map<number, Float32Array> | undefined;

  constructor(corpus: Corpus, filter: Filter) {
    this.#corpus = corpus;
    this.#ids = new IdSet(corpus.chunkIds(filter));
  }

  get size(): number {
    return this.#ids.size;
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  /** The closest of them, by comparing with each. */
  nearest(query: Float32Array, k: number): Neighbour[] {
    const best = new BestNeighbours(k);
    for (const [id, vector] of this.#all(query.byteLength))
      best.offer(id, dotProduct(query, vector));
    return best.list();
  }

  #all(vectorBytes: number): Iterable<readonly [id: number, vector: Float32Array]> {
    if (this.size * vectorBytes > MAX_KEPT_BYTES) return this.#read();
    this.#vectors ??= new Map(this.#read());
    return this.#vectors;
  }

  *#read(): Generator<readonly [id: number, vector: Float32Array]> {
    for (const id of this.#ids) {
      const vector = this.#corpus.vector(id);
      if (vector) yield [id, vector];
    }
  }
}

/** Remembers what recent filters accept, until the store changes: looking through all documents takes longer than the search itself. */
export class FilterMemory {
  readonly #corpus: Corpus;
  readonly #known = new Map<string, FilteredChunks>();
  #state = "";

  constructor(corpus: Corpus) {
    this.#corpus = corpus;
  }

  /** @throws RagError config/invalid for a filter that is none */
  chunksOf(filter: Filter): FilteredChunks {
    const state = `${this.#corpus.epoch}/${this.#corpus.sequence}`;
    if (state !== this.#state) this.#known.clear();
    this.#state = state;
    const key = JSON.stringify(filter);
    const chunks = this.#known.get(key) ?? new FilteredChunks(this.#corpus, filter);
    // The one used last stands last.
    this.#known.delete(key);
    this.#known.set(key, chunks);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= MAX_FILTERS) break;
      this.#known.delete(oldest);
    }
    return chunks;
  }
}
