import type { HierarchicalNSW } from "hnswlib-node";
import { dotProduct } from "./dot-product.ts";
import { hnswlib } from "./hnswlib.ts";
import { IdSet } from "./id-set.ts";
import { settledBreadth } from "./search-breadth.ts";
import type { Neighbour, VectorIndex } from "./vector-index.ts";

/**
 * M: links per vector and layer; memory is about 8·M bytes a vector beside the vector itself. efConstruction: candidates while inserting.
 * efSearch: candidates while searching, at least twice k, and as many as the data need. Recall and cost rise with each.
 * @see Malkov and Yashunin, arXiv 1603.09320
 */
const M = 16;
const EF_CONSTRUCTION = 200;
const LEAST_EF_SEARCH = 128;
const SEED = 100;
const FIRST_CAPACITY = 1024;
/** Made-up queries by which efSearch is chosen. */
const PROBES = 32;
/** Share of the vectors that may come or go before it is chosen again. */
const MAX_DRIFT = 0.25;

/** efSearch, and for how many vectors it was chosen. */
export interface SearchBreadth {
  readonly value: number;
  readonly size: number;
}

/** Approximate nearest neighbours by inner product; removed vectors stay as bridges until it is built again. */
export class HnswIndex implements VectorIndex {
  readonly #index: HierarchicalNSW;
  readonly #ids: IdSet;
  #stored: number;
  #breadth: SearchBreadth | undefined;
  /** The choice of another under way. */
  #choosing: Generator<void, number> | undefined;

  private constructor(index: HierarchicalNSW, ids: IdSet, stored: number) {
    this.#index = index;
    this.#ids = ids;
    this.#stored = stored;
  }

  static empty(dimension: number): HnswIndex {
    const index = new (hnswlib().HierarchicalNSW)("ip", dimension);
    index.initIndex(FIRST_CAPACITY, M, EF_CONSTRUCTION, SEED);
    return new HnswIndex(index, new IdSet(), 0);
  }

  /** Reads a file whose bytes the caller has verified, in another thread. `ids`: the labels that are not removed. */
  static async read(
    path: string,
    dimension: number,
    {
      ids,
      breadth,
    }: { readonly ids: Iterable<number>; readonly breadth?: SearchBreadth | undefined },
  ): Promise<HnswIndex> {
    const index = new (hnswlib().HierarchicalNSW)("ip", dimension);
    await index.readIndex(path);
    const read = new HnswIndex(index, new IdSet(ids), index.getCurrentCount());
    read.#breadth = breadth;
    return read;
  }

  get size(): number {
    return this.#ids.size;
  }

  get ids(): Iterable<number> {
    return this.#ids;
  }

  has(id: number): boolean {
    return this.#ids.has(id);
  }

  /** What was chosen for the vectors; undefined before {@link HnswIndex.settle}. */
  get breadth(): SearchBreadth | undefined {
    return this.#breadth;
  }

  /** Vectors in the graph, removed ones among them. */
  get stored(): number {
    return this.#stored;
  }

  add(id: number, vector: Float32Array): void {
    if (this.#stored >= this.#index.getMaxElements()) {
      this.#index.resizeIndex(this.#index.getMaxElements() * 2);
    }
    this.#index.addPoint([...vector], id);
    this.#ids.add(id);
    this.#stored++;
    this.#choosing = undefined;
  }

  remove(id: number): void {
    if (this.#ids.delete(id)) this.#index.markDelete(id);
    this.#choosing = undefined;
  }

  search(query: Float32Array, k: number, accept?: (id: number) => boolean): Neighbour[] {
    const count = Math.min(k, this.#ids.size);
    if (count <= 0 || !query.every(Number.isFinite)) return [];
    this.settle();
    const breadth = Math.max(this.#breadth?.value ?? LEAST_EF_SEARCH, 2 * count);
    return this.#find(query, count, { breadth, accept });
  }

  /**
   * Chooses how broadly to search by the vectors themselves: at the first call, and again when many have come or gone. Works until `deadline`
   * (of performance.now()); true once it is chosen.
   */
  settle(deadline = Number.POSITIVE_INFINITY): boolean {
    const { size } = this;
    const known = this.#breadth;
    if (size === 0) return true;
    if (known && Math.abs(size - known.size) <= known.size * MAX_DRIFT) return true;
    this.#choosing ??= this.#chooseBreadth();
    do {
      const { done, value } = this.#choosing.next();
      if (!done) continue;
      this.#breadth = { value, size };
      this.#choosing = undefined;
      return true;
    } while (performance.now() < deadline);
    return false;
  }

  /** Writes the graph to a file; the caller makes it durable. */
  write(path: string): void {
    this.#index.writeIndexSync(path);
  }

  #find(
    query: Float32Array,
    k: number,
    how: { readonly breadth: number; readonly accept?: ((id: number) => boolean) | undefined },
  ): Neighbour[] {
    // It is 10 after loading, whatever it was when saved.
    this.#index.setEf(how.breadth);
    const { neighbors, distances } = this.#index.searchKnn([...query], k, how.accept);
    return neighbors
      .map((id, index) => ({ id, score: 1 - distances[index]! }))
      .sort((a, b) => b.score - a.score || a.id - b.id);
  }

  *#chooseBreadth(): Generator<void, number> {
    const ids = [...this.#ids];
    const queries: Float32Array[] = [];
    for (let probe = 0; probe < PROBES; probe++) {
      queries.push(this.#probe(ids, probe / PROBES));
      yield;
    }
    const { size } = this;
    return yield* settledBreadth({
      queries,
      least: LEAST_EF_SEARCH,
      most: size,
      search: (query, k, breadth) => this.#find(query, Math.min(k, size), { breadth }),
    });
  }

  /**
   * A query as people ask them: off a stored vector by twice the distance to its nearest neighbour, in a direction in which vectors differ.
   * `at`: which one, 0 to 1.
   */
  #probe(ids: readonly number[], at: number): Float32Array {
    const pick = (place: number) =>
      Float32Array.from(this.#index.getPoint(ids[Math.floor(place * ids.length) % ids.length]!));
    const [start, from, to] = [pick(at), pick(at + 1 / 3), pick(at + 2 / 3)];
    const [, nearest] = this.#find(start, Math.min(2, ids.length), { breadth: LEAST_EF_SEARCH });
    const distance = Math.sqrt(Math.max(0, 2 - 2 * (nearest?.score ?? 1)));
    const direction = unit(to.map((x, i) => x - from[i]!));
    return unit(start.map((x, i) => x + 2 * distance * direction[i]!));
  }
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(dotProduct(vector, vector)) || 1;
  return vector.map((x) => x / norm);
}
