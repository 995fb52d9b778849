import type { SearchResult } from "../retriever/index.ts";

/** A passage as retrieval found it: where it stands, its text and its score. */
export type Passage = SearchResult;
