export { type ChunkSizes, chunkDocument } from "./chunks/chunker.ts";
export {
  type FailedDocument,
  type IngestOptions,
  type IngestProgress,
  type IngestSummary,
  ingest,
} from "./ingest.ts";
export type { Block, BlockKind, ParsedDocument } from "./readers/parsed-document.ts";
