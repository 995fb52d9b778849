import { extname } from "node:path";
import { errorMessage, RagError, sha256 } from "../../core/index.ts";
import {
  type Corpus,
  type Embedder,
  type Metadata,
  openRetriever,
  withStoreLock,
} from "../../retriever/index.ts";
import { type Cutting, cutDocument, cuttingName } from "../chunks/cut-document.ts";
import { DocumentWriter } from "../document-writer.ts";
import { goneBelow } from "../gone-documents.ts";
import type { IngestProgress } from "../ingest.ts";
import { MAX_TEXT_CHARACTERS } from "../readers/parsed-document.ts";
import type { FailedDocument, IngestSummary } from "../tally.ts";
import { groupDocuments, type LoadedGroup } from "./group-documents.ts";
import {
  type DocumentLoader,
  isFromLoader,
  LOADER_HASH_MARK,
  type LoadedDocument,
} from "./loaded-document.ts";

export interface LoadedIngestOptions extends Cutting {
  /** A LangChain loader, or documents that one has loaded. */
  readonly documents: DocumentLoader | readonly LoadedDocument[];
  readonly corpus: Corpus;
  readonly embedder: Embedder;
  readonly storeFolder: string;
  /** What the sources of files are relative to. */
  readonly root: string;
  readonly collection?: string | undefined;
  /** Removes documents that a loader gave from files below these paths, where the files are gone. */
  readonly pruneBelow?: readonly string[] | undefined;
  /** How long to wait for another writer of the store, in milliseconds; 0 (the default) fails at once. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: IngestProgress) => void;
}

/** Raised when grouping or chunking changes what becomes of a loaded document. */
const LOADING_VERSION = 1;

/**
 * Puts what a LangChain loader gives into a store, with pages and headings where it has them: adds, replaces, and skips what has not
 * changed. An empty document is named and left out.
 * @throws RagError file/unreadable when the loader fails, request/unsupported for a splitter that rewrites text, file/locked
 */
export async function ingestLoaded(options: LoadedIngestOptions): Promise<IngestSummary> {
  const { documents, storeFolder, root, signal, waitMs = 0 } = options;
  const started = performance.now();
  const loaded = "load" in documents ? await load(documents) : documents;
  const lock = { job: "ingest", waitMs, signal };
  const counts = await withStoreLock(storeFolder, lock, () =>
    storeGroups(groupDocuments(loaded, root), options),
  );
  const { chunks, ...rest } = counts;
  return { documents: rest, chunks, seconds: (performance.now() - started) / 1000 };
}

async function load(loader: DocumentLoader): Promise<readonly LoadedDocument[]> {
  try {
    return await loader.load();
  } catch (cause) {
    throw new RagError(
      "file/unreadable",
      `${loader.constructor.name}: could not load its documents (${errorMessage(cause)}).`,
      { cause },
    );
  }
}

async function storeGroups(groups: readonly LoadedGroup[], options: LoadedIngestOptions) {
  const { corpus, embedder, storeFolder, collection, signal } = options;
  const counts = { added: 0, updated: 0, unchanged: 0, removed: 0, chunks: 0 };
  const failed: FailedDocument[] = [];
  const known = new Set([...corpus.documents()].map(({ id }) => id));
  const writer = new DocumentWriter({
    corpus,
    embedder,
    signal,
    onStored: (stored) => {
      for (const { document, chunks } of stored) {
        counts[known.has(document.id) ? "updated" : "added"]++;
        counts.chunks += chunks.length;
      }
    },
  });
  try {
    for (const [index, group] of groups.entries()) {
      signal?.throwIfAborted();
      const { id, source, parsed, metadata } = group;
      const reason = refusalOf(parsed.text);
      const hash = hashOf(group, options);
      if (reason !== undefined) failed.push({ source: id, reason });
      else if (corpus.document(id)?.hash === hash) counts.unchanged++;
      else {
        const own = {
          title: parsed.title,
          format: formatName(source),
          text: parsed.text,
          metadata,
          hash,
        };
        const grouped = collection === undefined ? {} : { collection };
        const document = { id, source, ...own, ...grouped };
        await writer.add({ document, chunks: await cutDocument(parsed, embedder, options) });
      }
      options.onProgress?.({ done: index + 1, total: groups.length, source });
    }
    await writer.finish();
  } finally {
    await writer.abandon();
  }
  counts.removed = removeGone(groups, options);
  await (await openRetriever(storeFolder, { corpus, embedder })).saveIndex();
  return { ...counts, failed };
}

function hashOf({ parsed, metadata }: LoadedGroup, options: LoadedIngestOptions): string {
  const parts = [parsed.title, parsed.text, parsed.blocks, metadata];
  return `${LOADER_HASH_MARK}${LOADING_VERSION}:${options.collection ?? ""}:${cuttingName(options, options.embedder)}${sha256(JSON.stringify(parts))}`;
}

/** By the file's ending, such as "srt". */
const formatName = (source: string): string => extname(source).slice(1).toLowerCase() || "loader";

function refusalOf(text: string): string | undefined {
  if (text.trim() === "") return "holds no text.";
  if (text.length <= MAX_TEXT_CHARACTERS) return undefined;
  return `holds more than ${MAX_TEXT_CHARACTERS} characters; split it.`;
}

/** Parts `source#n` of a source that this time has fewer or one only, and what lies below `pruneBelow` and has no file. */
function removeGone(
  groups: readonly LoadedGroup[],
  { corpus, pruneBelow = [], root }: LoadedIngestOptions,
): number {
  const ids = new Set(groups.map(({ id }) => id));
  const sources = new Set(groups.map(({ source }) => source));
  const isGone = goneBelow(pruneBelow, root);
  return corpus.transaction(() => {
    let removed = 0;
    for (const document of [...corpus.documents()]) {
      if (!isFromLoader(document) || ids.has(document.id)) continue;
      const isToGo = sources.has(document.source) || (namesSource(document) && isGone(document));
      if (isToGo && corpus.removeDocument(document.id)) removed++;
    }
    return removed;
  });
}

/** Whether its loader said where it came from; else its source is an id or a number. */
const namesSource = ({ metadata }: { readonly metadata: Metadata }): boolean =>
  typeof (metadata["path"] ?? metadata["source"]) === "string";
