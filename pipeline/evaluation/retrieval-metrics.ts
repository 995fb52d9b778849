/** What was found for one question, and what should have been. */
export interface RankedQuery {
  /** Found ids, best first; an id that comes again is ignored. */
  readonly ranked: readonly string[];
  /** Grade of each relevant id, above 0; 1 where the set has no grades. */
  readonly relevant: ReadonlyMap<string, number>;
}

/** Means over the queries that have a relevant id; all 0 to 1. */
export interface RetrievalMetrics {
  readonly queries: number;
  /** Share of a query's relevant ids among the first k. */
  readonly recall: Readonly<Record<1 | 3 | 5 | 10, number>>;
  /** 1 / rank of the first relevant id in the whole list; 0 when it is not there. */
  readonly mrr: number;
  readonly ndcg10: number;
}

/** Recall, mean reciprocal rank and nDCG@10 as trec_eval and BEIR define them. */
export function retrievalMetrics(queries: readonly RankedQuery[]): RetrievalMetrics {
  const judged = queries
    .filter(({ relevant }) => relevant.size > 0)
    .map(({ ranked, relevant }) => ({ ranked: [...new Set(ranked)], relevant }));
  const average = (metric: (query: RankedQuery) => number) =>
    judged.reduce((sum, query) => sum + metric(query), 0) / Math.max(1, judged.length);
  return {
    queries: judged.length,
    recall: {
      1: average((query) => recallAt(query, 1)),
      3: average((query) => recallAt(query, 3)),
      5: average((query) => recallAt(query, 5)),
      10: average((query) => recallAt(query, 10)),
    },
    mrr: average(reciprocalRank),
    ndcg10: average((query) => ndcgAt(query, 10)),
  };
}

function recallAt({ ranked, relevant }: RankedQuery, k: number): number {
  return ranked.slice(0, k).filter((id) => relevant.has(id)).length / relevant.size;
}

function reciprocalRank({ ranked, relevant }: RankedQuery): number {
  const index = ranked.findIndex((id) => relevant.has(id));
  return index < 0 ? 0 : 1 / (index + 1);
}

/** Linear gains, discount log2(rank + 1), against the best possible order. */
function ndcgAt({ ranked, relevant }: RankedQuery, k: number): number {
  const ideal = [...relevant.values()].sort((a, b) => b - a);
  const found = ranked.map((id) => relevant.get(id) ?? 0);
  return discountedGain(found.slice(0, k)) / discountedGain(ideal.slice(0, k));
}

function discountedGain(gains: readonly number[]): number {
  return gains.reduce((sum, gain, index) => sum + gain / Math.log2(index + 2), 0);
}
