import { RagError } from "../../core/index.ts";
import type { RerankOptions, SearchResult } from "./search-options.ts";

/**
 * Orders results anew by a weighted sum of their score and the reranker's, both stretched to 0 to 1 over the results that are
 * scored; equal ones stay in their order. Results beyond `depth` stay behind them, with a score of 0. The new score is that sum.
 * @throws RagError engine/failed when the reranker does not give a number for each
 */
export async function rerank(
  query: string,
  results: readonly SearchResult[],
  { score, depth, weight }: RerankOptions,
  signal?: AbortSignal,
): Promise<SearchResult[]> {
  const head = results.slice(0, depth);
  if (head.length < 2) return [...results];
  signal?.throwIfAborted();
  const found = await score(query, head, signal);
  requireNumbers(found, head.length);
  const before = stretched(head.map((result) => result.score));
  const judged = stretched(found);
  const again = head.map((result, index) => ({
    ...result,
    score: (1 - weight) * before[index]! + weight * judged[index]!,
    rerankScore: found[index]!,
  }));
  again.sort((a, b) => b.score - a.score);
  return [...again, ...results.slice(depth).map((result) => ({ ...result, score: 0 }))];
}

function stretched(scores: readonly number[]): number[] {
  const [low, high] = [Math.min(...scores), Math.max(...scores)];
  return scores.map((score) => (high > low ? (score - low) / (high - low) : 1));
}

function requireNumbers(scores: readonly number[], count: number): void {
  if (scores.length === count && scores.every(Number.isFinite)) return;
  const wrong = scores.find((score) => !Number.isFinite(score));
  throw new RagError(
    "engine/failed",
    `reranker: expected ${count} numbers for as many passages, found ${scores.length}${wrong === undefined ? "" : ` with ${wrong} among them`}; its model's weights are damaged, use another one.`,
  );
}
