import { dotProduct } from "./dot-product.ts";
import type { Neighbour, VectorIndex } from "./vector-index.ts";

/** Compares a query with every vector. The judge of the approximate index, and quicker than it for a few thousand vectors. */
export class ExactIndex implements VectorIndex {
  readonly #vectors = new Map<number, Float32Array>();

  get size(): number {
    return this.#vectors.size;
  }

  add(id: number, vector: Float32Array): void {
    this.#vectors.set(id, vector);
  }

  remove(id: number): void {
    this.#vectors.delete(id);
  }

  search(query: Float32Array, k: number, accept?: (id: number) => boolean): Neighbour[] {
    const found: Neighbour[] = [];
    for (const [id, vector] of this.#vectors) {
      if (accept && !accept(id)) continue;
      const score = dotProduct(query, vector);
      if (Number.isFinite(score)) found.push({ id, score });
    }
    return found.sort((a, b) => b.score - a.score || a.id - b.id).slice(0, Math.max(0, k));
  }
}
