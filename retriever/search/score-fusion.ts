/** A list of ids with scores (higher is better), best first, and how much it counts. */
export interface Scored {
  readonly entries: readonly { readonly id: number; readonly score: number }[];
  readonly weight: number;
  /** More would have followed: what is not listed may be as good as the last. */
  readonly isCut?: boolean;
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
 * above zero has nothing to say. Unlike ranks, scores tell a clear first from a near tie. What a cut list does not name counts as its last: with
 * nothing, a passage that only the words find would lose to any that is listed for its vector, however close all vectors are.
 * @see Bruch et al. 2023, An Analysis of Fusion Functions for Hybrid Retrieval (arXiv 2210.11934)
 */
export function fuseScores(lists: readonly Scored[]): Fused[] {
  return fuse(lists, ({ entries, weight, isCut = false }) => {
    const best = entries[0]?.score ?? 0;
    const share = (score: number) => (best > 0 ? (weight * Math.max(0, score)) / best : 0);
    return {
      listed: new Map(entries.map(({ id, score }) => [id, share(score)])),
      others: isCut ? share(entries.at(-1)?.score ?? 0) : 0,
    };
  });
}

/** Reciprocal-rank fusion: ids by Σ weight / (constant + rank), best first; equal scores by id. */
export function fuseRanks(lists: readonly Scored[]): Fused[] {
  return fuse(lists, ({ entries, weight }) => ({
    listed: new Map(entries.map(({ id }, index) => [id, weight / (RANK_CONSTANT + index + 1)])),
    others: 0,
  }));
}

/** What a list adds to the scores of those it names, and of all others. */
interface Shares {
  readonly listed: ReadonlyMap<number, number>;
  readonly others: number;
}

function fuse(lists: readonly Scored[], sharesOf: (list: Scored) => Shares): Fused[] {
  const shares = lists.map(sharesOf);
  const ids = new Set(lists.flatMap(({ entries }) => entries.map(({ id }) => id)));
  return [...ids]
    .map((id) => ({
      id,
      score: shares.reduce((sum, { listed, others }) => sum + (listed.get(id) ?? others), 0),
    }))
    .sort((a, b) => b.score - a.score || a.id - b.id);
}
