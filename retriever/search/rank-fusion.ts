/** A list of ids, best first, and how much it counts. */
export interface Ranking {
  readonly ids: readonly number[];
  readonly weight: number;
}

/**
 * How much the first ranks stand out; smaller gives them more.
 * @see Cormack et al. 2009, Reciprocal Rank Fusion (60 there)
 */
const RANK_CONSTANT = 20;

/** Reciprocal-rank fusion: ids by Σ weight / (constant + rank), best first; equal scores by id. */
export function fuseRankings(
  rankings: readonly Ranking[],
): { readonly id: number; readonly score: number }[] {
  const scores = new Map<number, number>();
  for (const { ids, weight } of rankings) {
    for (const [rank, id] of ids.entries()) {
      scores.set(id, (scores.get(id) ?? 0) + weight / (RANK_CONSTANT + rank + 1));
    }
  }
  return [...scores]
    .map(([id, score]) => ({ id, score }))
    .sort((a, b) => b.score - a.score || a.id - b.id);
}
