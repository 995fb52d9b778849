import { BestNeighbours } from "./best-neighbours.ts";
import { dotProduct } from "./dot-product.ts";
import type { Neighbour, VectorIndex } from "./vector-index.ts";

/** Compares a query with every vector. The judge of the approximate index, and quicker than it for a few thousand vectors. */
export class ExactIndex implements VectorIndex {
  readonly #vectors = new Map<number, Float32Array>();

  get size(): number {
    return this.#vectors.size;
  }

  get ids(): Iterable<number> {
    return this.#vectors.keys();
  }

  has(id: number): boolean {
    return this.#vectors.has(id);
  }

  add(id: number, vector: Float32Array): void {
    this.#vectors.set(id, vector);
  }

  remove(id: number): void {
    this.#vectors.delete(id);
  }

  search(query: Float32Array, k: number, accept?: (id: number) => boolean): Neighbour[] {
    const best = new BestNeighbours(k);
    for (const [id, vector] of this.#vectors) {
      if (!accept || accept(id)) best.offer(id, dotProduct(query, vector));
    }
    return best.list();
  }
}
