import hnswlib from "hnswlib-node";
import type { Neighbour, VectorIndex } from "./vector-index.ts";

/**
 * M: links per vector and layer; memory is about 8·M bytes a vector beside the vector itself. efConstruction: candidates while inserting.
 * efSearch: candidates while searching, at least twice k. Recall and cost rise with each.
 * @see Malkov and Yashunin, arXiv 1603.09320
 */
const M = 16;
const EF_CONSTRUCTION = 200;
const EF_SEARCH = 128;
const SEED = 100;
const FIRST_CAPACITY = 1024;

/** Approximate nearest neighbours by inner product; removed vectors stay as bridges until it is built again. */
export class HnswIndex implements VectorIndex {
  readonly #index: InstanceType<typeof hnswlib.HierarchicalNSW>;
  readonly #ids: Set<number>;
  #stored: number;

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
    // It is 10 after loading, whatever it was when saved.
    this.#index.setEf(Math.max(EF_SEARCH, 2 * count));
    const { neighbors, distances } = this.#index.searchKnn([...query], count, accept);
    return neighbors
      .map((id, index) => ({ id, score: 1 - distances[index]! }))
      .sort((a, b) => b.score - a.score || a.id - b.id);
  }

  /** Writes the graph to a file; the caller makes it durable. */
  write(path: string): void {
    this.#index.writeIndexSync(path);
  }
}
