import type { Filter } from "./filter.ts";

export type SearchMode = "hybrid" | "dense" | "keyword";

/** A passage as a reranker sees it. */
export interface RerankedPassage {
  readonly title: string;
  readonly text: string;
}

/** Says how well each passage fits a query: one number each, higher is better, on any scale. */
export type Reranker = (
  query: string,
  passages: readonly RerankedPassage[],
  signal?: AbortSignal,
) => Promise<readonly number[]>;

export interface SearchOptions {
  /** How many results at most. Default 5; at most 1000. */
  readonly k?: number | undefined;
  readonly mode?: SearchMode;
  /** How meaning and words are put together in hybrid mode: by their scores (default) or by reciprocal ranks. */
  readonly fusion?: "score" | "rank";
  /** Only chunks of documents that pass. */
  readonly filter?: Filter | undefined;
  /** Leaves out results whose score is lower, before they are reranked; scores are explained at {@link SearchResult}. */
  readonly minScore?: number | undefined;
  /** Maximal marginal relevance, 0 (only variety) to 1 (only relevance): near copies of a better result make room for others. */
  readonly diversity?: number | undefined;
  readonly rerank?: RerankOptions | undefined;
  /** Widens each result by this many chunks of its document before and after. Default 0; at most 100. */
  readonly neighbours?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface RerankOptions {
  readonly score: Reranker;
  /** How many of the best candidates are scored again. */
  readonly depth: number;
  /** Share of the reranker in the new score, 0 to 1; the rest is that of the search. Both are stretched to 0 to 1 over the candidates. */
  readonly weight: number;
}

export interface SearchResult {
  /** The chunk's id. */
  readonly id: number;
  readonly documentId: string;
  readonly title: string;
  readonly source: string;
  readonly page?: number;
  /** UTF-16 offsets into the document's text. */
  readonly start: number;
  readonly end: number;
  readonly heading: readonly string[];
  readonly text: string;
  /**
   * Hybrid mode: 0 to 1, the weighted sum of similarity and BM25, each relative to its best result (rank fusion: Σ weight / (20 + rank)).
   * Dense mode: cosine similarity. Keyword mode: BM25. Reranked: 0 to 1, see {@link RerankOptions}.
   */
  readonly score: number;
  /** Cosine similarity of query and chunk, -1 to 1; absent in keyword mode. */
  readonly similarity?: number;
  /** What the reranker said, on its own scale; absent where it was not asked. */
  readonly rerankScore?: number;
  /** From 1; absent where it was not among the candidates. */
  readonly denseRank?: number;
  readonly keywordRank?: number;
}

export interface SearchTimings {
  readonly embedMs: number;
  readonly denseMs: number;
  readonly keywordMs: number;
  readonly rerankMs: number;
  readonly totalMs: number;
}
