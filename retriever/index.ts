export { PRECISIONS, type Precision } from "./bert/bert-config.ts";
export { type BackupSummary, backupStore } from "./corpus/backup.ts";
export { Corpus } from "./corpus/corpus.ts";
export { flatMetadata } from "./corpus/flat-metadata.ts";
export {
  CORPUS_FILE,
  type CorpusOptions,
  emptyStore,
  memoryCorpus,
  openCorpus,
} from "./corpus/open-corpus.ts";
export {
  type ChunkRecord,
  type DocumentRecord,
  isFromProgram,
  type Metadata,
  type NewChunk,
  type NewDocument,
  PROGRAM_METADATA,
} from "./corpus/records.ts";
export { loadSqlite } from "./corpus/sqlite.ts";
export type { StagedVectors } from "./corpus/staged-vectors.ts";
export { type StoreLockOptions, takeStoreLock, withStoreLock } from "./corpus/store-lock.ts";
export { storeName } from "./corpus/store-name.ts";
export { BertEmbedder, type EmbedderOptions } from "./embedder/bert-embedder.ts";
export type { Embedder, EmbedOptions } from "./embedder/embedder.ts";
export { hnswlib } from "./index/hnswlib.ts";
export { removeSnapshot as removeSavedIndex } from "./index/snapshot.ts";
export { CrossEncoder, type CrossEncoderOptions } from "./reranker/cross-encoder.ts";
export {
  type FieldTests,
  type Filter,
  type FilterValue,
  parseFilter,
} from "./search/filter.ts";
export { checkSavedIndex, rebuildIndex } from "./search/index-keeper.ts";
export { requireSearchOptions } from "./search/option-checks.ts";
export { MAX_QUERY_CHARACTERS, openRetriever, Retriever } from "./search/retriever.ts";
export type {
  RerankedPassage,
  Reranker,
  RerankOptions,
  SearchMode,
  SearchOptions,
  SearchResult,
  SearchTimings,
} from "./search/search-options.ts";
export {
  type CompactSummary,
  compactStore,
  keepBuiltIndex,
  keepIndex,
  renewSavedIndex,
  restoreFromBackup,
} from "./search/store-upkeep.ts";
export { tellingWords } from "./search/telling-words.ts";
