export interface Neighbour {
  readonly id: number;
  /** Cosine similarity, −1 to 1. */
  readonly score: number;
}

/** Finds the vectors closest to a query. All vectors have length 1; ids are those of chunks. */
export interface VectorIndex {
  readonly size: number;
  readonly ids: Iterable<number>;
  has(id: number): boolean;
  add(id: number, vector: Float32Array): void;
  remove(id: number): void;
  /** At most k neighbours, best first; all that pass `accept` when there are fewer. */
  search(query: Float32Array, k: number, accept?: (id: number) => boolean): Neighbour[];
}
