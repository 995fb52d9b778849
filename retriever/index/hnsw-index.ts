import hnswlib from "hnswlib-node";
import { dotProduct } from "./dot-product.ts";
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

/** Approximate nearest neighbours by inner product; removed vectors stay as bridges until it is built again. */
export class HnswIndex implements VectorIndex {
  readonly #index: InstanceType<typeof hnswlib.HierarchicalNSW>;
  readonly #ids: Set<number>;
  #stored: number;
  /** efSearch, and for how many vectors it was chosen. */
  #breadth: { readonly value: number; readonly size: number } | undefined;

  private constructor(
    index: InstanceType<typeof hnswlib.HierarchicalNSW>,
    ids: Set<number>,
    stored: number,
  ) {
    this.#index = index;
    this.#ids = ids;
    this.#stored = stored;
  }

  static empty(dimension: number): HnswIndex {
    const index = new hnswlib.HierarchicalNSW("ip", dimension);
    index.initIndex(FIRST_CAPACITY, M, EF_CONSTRUCTION, SEED);
    return new HnswIndex(index, new Set(), 0);
  }

  /** Reads a file whose bytes the caller has verified. `ids`: the labels that are not removed. */
  static read(path: string, dimension: number, ids: readonly number[]): HnswIndex {
    const index = new hnswlib.HierarchicalNSW("ip", dimension);
    index.readIndexSync(path);
    return new HnswIndex(index, new Set(ids), index.getCurrentCount());
  }

  get size(): number {
    return this.#ids.size;
  }

  get ids(): ReadonlySet<number> {
    return this.#ids;
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
  }

  remove(id: number): void {
    if (this.#ids.delete(id)) this.#index.markDelete(id);
  }

  search(query: Float32Array, k: number, accept?: (id: number) => boolean): Neighbour[] {
    const count = Math.min(k, this.#ids.size);
    if (count <= 0 || !query.every(Number.isFinite)) return [];
    return this.#find(query, count, { breadth: Math.max(this.#efSearch(), 2 * count), accept });
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

  /** Chosen by the vectors themselves at the first search, and again when many have come or gone. */
  #efSearch(): number {
    const { size } = this;
    const known = this.#breadth;
    if (known && Math.abs(size - known.size) <= known.size * MAX_DRIFT) return known.value;
    const value = settledBreadth({
      queries: this.#probes(),
      least: LEAST_EF_SEARCH,
      most: size,
      search: (query, k, breadth) => this.#find(query, Math.min(k, size), { breadth }),
    });
    this.#breadth = { value, size };
    return value;
  }

  /**
   * Queries as people ask them: off a stored vector by twice the distance to its nearest neighbour, in a direction in which vectors differ.
   */
  #probes(): Float32Array[] {
    const ids = [...this.#ids];
    const pick = (at: number) =>
      Float32Array.from(this.#index.getPoint(ids[Math.floor(at * ids.length) % ids.length]!));
    return Array.from({ length: PROBES }, (_, index) => {
      const at = index / PROBES;
      const [start, from, to] = [pick(at), pick(at + 1 / 3), pick(at + 2 / 3)];
      const [, nearest] = this.#find(start, Math.min(2, ids.length), { breadth: LEAST_EF_SEARCH });
      const distance = Math.sqrt(Math.max(0, 2 - 2 * (nearest?.score ?? 1)));
      const direction = unit(to.map((x, i) => x - from[i]!));
      return unit(start.map((x, i) => x + 2 * distance * direction[i]!));
    });
  }
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.sqrt(dotProduct(vector, vector)) || 1;
  return vector.map((x) => x / norm);
}
