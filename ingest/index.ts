export { type ChunkSizes, chunkDocument } from "./chunks/chunker.ts";
export {
  type FailedDocument,
  type IngestOptions,
  type IngestProgress,
  type IngestSummary,
  ingest,
} from "./ingest.ts";
export { ingestLoaded, type LoadedIngestOptions } from "./loaders/ingest-loaded.ts";
export { ingestWithLoader } from "./loaders/ingest-with-loader.ts";
export type { DocumentLoader, LoadedDocument, TextSplitter } from "./loaders/loaded-document.ts";
export type { Block, BlockKind, ParsedDocument } from "./readers/parsed-document.ts";
