import type { Corpus } from "../corpus/corpus.ts";
import type { SearchResult } from "./search-options.ts";

/**
 * Results widened by `count` chunks of their document before and after: text, start and end grow, the rest stays. A result that
 * lies inside a better one of the same document is left out.
 */
export function withNeighbours(
  corpus: Corpus,
  results: readonly SearchResult[],
  count: number,
): SearchResult[] {
  const widened: SearchResult[] = [];
  for (const result of results) {
    const chunks = corpus.chunksOf(result.documentId);
    const text = corpus.documentText(result.documentId);
    const at = chunks.findIndex(({ id }) => id === result.id);
    // The document was replaced since it was found.
    if (at < 0 || text === undefined) continue;
    const start = chunks[Math.max(0, at - count)]!.start;
    const end = chunks[Math.min(chunks.length - 1, at + count)]!.end;
    const isInside = widened.some(
      (one) => one.documentId === result.documentId && one.start <= start && one.end >= end,
    );
    if (!isInside) widened.push({ ...result, start, end, text: text.slice(start, end) });
  }
  return widened;
}
