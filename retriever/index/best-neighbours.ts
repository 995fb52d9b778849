import type { Neighbour } from "./vector-index.ts";

/** The k best of many that are offered one by one, without keeping the others; equal ones by rising id. */
export class BestNeighbours {
  readonly #k: number;
  readonly #best: Neighbour[] = [];

  constructor(k: number) {
    this.#k = Math.max(0, k);
  }

  /** A score that is no number is passed over. */
  offer(id: number, score: number): void {
    const best = this.#best;
    const worst = best.at(-1);
    if (!Number.isFinite(score) || this.#k === 0) return;
    if (best.length === this.#k && !isBetter(id, score, worst!)) return;
    let [low, high] = [0, best.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isBetter(id, score, best[middle]!)) high = middle;
      else low = middle + 1;
    }
    if (best.length === this.#k) best.pop();
    best.splice(low, 0, { id, score });
  }

  /** Best first. */
  list(): Neighbour[] {
    return this.#best;
  }
}

const isBetter = (id: number, score: number, other: Neighbour): boolean =>
  score > other.score || (score === other.score && id < other.id);
