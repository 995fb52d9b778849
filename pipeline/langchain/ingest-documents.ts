import {
  type DocumentLoader,
  type IngestOptions,
  type IngestSummary,
  ingest,
  ingestLoaded,
  type LoadedDocument,
  type LoadedIngestOptions,
} from "../../ingest/index.ts";
import type { OpenedStore } from "../open-store.ts";

type OfStore = "corpus" | "embedder" | "storeFolder" | "root";

/**
 * Puts what a LangChain loader gives, or documents that it gave, into a store; `splitter` cuts them instead of Foreword's chunker. Sources of files
 * are relative to the current folder.
 * @throws RagError file/unreadable when the loader fails, request/unsupported for a splitter that rewrites text, file/locked
 */
export function ingestDocuments(
  { corpus, embedder, folder }: OpenedStore,
  documents: DocumentLoader | readonly LoadedDocument[],
  options: Omit<LoadedIngestOptions, OfStore | "documents"> = {},
): Promise<IngestSummary> {
  const store = { corpus, embedder, storeFolder: folder, root: process.cwd() };
  return ingestLoaded({ ...options, ...store, documents });
}

/** `foreword ingest` in a program, where `splitter` may cut the files. @throws RagError as the command */
export function ingestFiles(
  { corpus, embedder, folder }: OpenedStore,
  paths: readonly string[],
  options: Omit<IngestOptions, OfStore | "paths"> = {},
): Promise<IngestSummary> {
  return ingest({ ...options, corpus, embedder, storeFolder: folder, root: process.cwd(), paths });
}
