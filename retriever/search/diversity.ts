import { dotProduct } from "../index/dot-product.ts";

interface Candidate {
  readonly id: number;
  readonly score: number;
}

/**
 * Picks k candidates, each the best by λ · relevance − (1 − λ) · similarity to the closest already picked. Relevance is the score
 * relative to the best. `candidates`: best first. `vectorOf`: of length 1.
 * @see Carbonell and Goldstein 1998, Maximal Marginal Relevance
 */
export function pickDiverse<Item extends Candidate>(
  candidates: readonly Item[],
  options: {
    readonly k: number;
    readonly lambda: number;
    readonly vectorOf: (id: number) => Float32Array | undefined;
  },
): Item[] {
  const { k, lambda, vectorOf } = options;
  const best = Math.max(candidates[0]?.score ?? 0, Number.MIN_VALUE);
  const left = candidates.map((item) => ({ item, vector: vectorOf(item.id), closest: 0 }));
  const picked: Item[] = [];
  while (picked.length < k && left.length > 0) {
    let top = 0;
    let topValue = Number.NEGATIVE_INFINITY;
    for (const [index, { item, closest }] of left.entries()) {
      const value = (lambda * item.score) / best - (1 - lambda) * closest;
      if (value > topValue) [top, topValue] = [index, value];
    }
    const [chosen] = left.splice(top, 1);
    picked.push(chosen!.item);
    for (const one of left) {
      if (!one.vector || !chosen?.vector) continue;
      one.closest = Math.max(one.closest, dotProduct(one.vector, chosen.vector));
    }
  }
  return picked;
}
