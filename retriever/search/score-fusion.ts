/** A list of ids with scores (higher is better), best first, and how much it counts. */
export interface Scored {
  readonly entries: readonly { readonly id: number; readonly score: number }[];
  readonly weight: number;
}

export interface Fused {
  readonly id: number;
  readonly score: number;
}

/**
 * How much the first ranks stand out in fusion by rank; smaller gives them more.
 * @see Cormack et al. 2009, Reciprocal Rank Fusion (60 there)
 */
const RANK_CONSTANT = 20;

/**
 * Fusion by score: ids by Σ weight · score / best score of the list, best first; equal scores by id. A list whose best score is not
 * above zero has nothing to say. Unlike ranks, scores tell a clear first from a near tie.
 * @see Bruch et al. 2023, An Analysis of Fusion Functions for Hybrid Retrieval (arXiv 2210.11934)
 */
export function fuseScores(lists: readonly Scored[]): Fused[] {
  return fuse(lists, (entry, _, best) => (best > 0 ? Math.max(0, entry.score) / best : 0));
}

/** Reciprocal-rank fusion: ids by Σ weight / (constant + rank), best first; equal scores by id. */
export function fuseRanks(lists: readonly Scored[]): Fused[] {
  return fuse(lists, (_, rank) => 1 / (RANK_CONSTANT + rank));
}

function fuse(
  lists: readonly Scored[],
  value: (entry: { readonly score: number }, rank: number, best: number) => number,
): Fused[] {
  const scores = new Map<number, number>();
  for (const { entries, weight } of lists) {
    const best = entries[0]?.score ?? 0;
    for (const [index, entry] of entries.entries()) {
      const share = weight * value(entry, index + 1, best);
      scores.set(entry.id, (scores.get(entry.id) ?? 0) + share);
    }
  }
  return [...scores]
    .map(([id, score]) => ({ id, score }))
    .sort((a, b) => b.score - a.score || a.id - b.id);
}
