export { type ChunkSizes, chunkDocument } from "./chunks/chunker.ts";
export { type IngestOptions, type IngestProgress, ingest } from "./ingest.ts";
export { ingestLoaded, type LoadedIngestOptions } from "./loaders/ingest-loaded.ts";
export { ingestWithLoader } from "./loaders/ingest-with-loader.ts";
export type { DocumentLoader, LoadedDocument, TextSplitter } from "./loaders/loaded-document.ts";
export type { Block, BlockKind, ParsedDocument } from "./readers/parsed-document.ts";
export { type ReindexSummary, reindex } from "./reindex.ts";
export type { DocumentChange, FailedDocument, IngestSummary } from "./tally.ts";
export { type WatchEvent, type WatchOptions, watch } from "./watch.ts";
