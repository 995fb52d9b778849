import type { RerankOptions, SearchResult } from "./search-options.ts";

/**
 * Orders results anew by a weighted sum of their score and the reranker's, both stretched to 0 to 1 over the results that are
 * scored. Results beyond `depth` stay behind them. The new score is that sum.
 */
export async function rerank(
  query: string,
  results: readonly SearchResult[],
  { score, depth, weight }: RerankOptions,
  signal?: AbortSignal,
): Promise<SearchResult[]> {
  const head = results.slice(0, depth);
  if (head.length < 2) return [...results];
  const before = stretched(head.map((result) => result.score));
  const judged = stretched(await score(query, head, signal));
  const again = head.map((result, index) => ({
    ...result,
    score: (1 - weight) * before[index]! + weight * judged[index]!,
  }));
  again.sort((a, b) => b.score - a.score || a.id - b.id);
  return [...again, ...results.slice(depth).map((result) => ({ ...result, score: 0 }))];
}

function stretched(scores: readonly number[]): number[] {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return scores.map((score) => (high > low ? (score - low) / (high - low) : 1));
}
