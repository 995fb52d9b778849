export { Corpus, type CorpusOptions, openCorpus } from "./corpus/corpus.ts";
export type {
  ChunkRecord,
  DocumentRecord,
  Metadata,
  NewChunk,
  NewDocument,
} from "./corpus/records.ts";
export { BertEmbedder } from "./embedder/bert-embedder.ts";
export type { Embedder, EmbedOptions } from "./embedder/embedder.ts";
export {
  openRetriever,
  type Retriever,
  type SearchMode,
  type SearchOptions,
  type SearchResult,
  type SearchTimings,
} from "./search/retriever.ts";
