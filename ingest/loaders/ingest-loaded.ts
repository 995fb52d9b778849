import { extname } from "node:path";
import { errorMessage, groupBy, RagError, sha256 } from "../../core/index.ts";
import {
  type Corpus,
  type DocumentRecord,
  type Embedder,
  type Metadata,
  renewSavedIndex,
  withStoreLock,
} from "../../retriever/index.ts";
import { type Cutting, cutDocument, cuttingName } from "../chunks/cut-document.ts";
import { DocumentWriter } from "../document-writer.ts";
import { type Absence, absenceBelow, hasMovedTo } from "../gone-documents.ts";
import type { IngestProgress } from "../ingest.ts";
import { MAX_TEXT_CHARACTERS } from "../readers/parsed-document.ts";
import { realPath } from "../real-path.ts";
import { type IngestSummary, Tally } from "../tally.ts";
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
  const tally = new Tally();
  const loaded = "load" in documents ? await load(documents) : documents;
  const lock = { job: "ingest", waitMs, signal };
  await withStoreLock(storeFolder, lock, () =>
    storeGroups(groupDocuments(loaded, root), options, tally),
  );
  return tally.summary();
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

async function storeGroups(
  groups: readonly LoadedGroup[],
  options: LoadedIngestOptions,
  tally: Tally,
): Promise<void> {
  const { corpus, embedder, storeFolder, collection, signal } = options;
  const root = realPath(options.root);
  const moved: string[] = [];
  const known = new Set([...corpus.documents()].map(({ id }) => id));
  const writer = new DocumentWriter({
    corpus,
    embedder,
    signal,
    onStored: (stored) => {
      for (const { document, chunks } of stored) {
        const kind = known.has(document.id) ? "updated" : "added";
        tally.stored(kind, document.id, chunks.length);
      }
    },
  });
  try {
    for (const [index, group] of groups.entries()) {
      signal?.throwIfAborted();
      const { id, source, parsed, metadata } = group;
      const reason = refusalOf(parsed.text);
      const hash = hashOf(group, options);
      const stored = corpus.document(id);
      if (reason !== undefined) tally.failed(id, reason);
      else if (stored?.hash === hash) {
        tally.unchanged();
        if (namesSource(group) && hasMovedTo(root, stored)) moved.push(id);
      } else {
        const own = {
          ...(namesSource(group) ? { root } : {}),
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
  corpus.moveToRoot(moved, root);
  removeGone(groups, options, tally);
  await renewSavedIndex(storeFolder, { corpus, embedder });
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
  tally: Tally,
): void {
  const ids = new Set(groups.map(({ id }) => id));
  const sources = new Set(groups.map(({ source }) => source));
  const absenceOf = absenceBelow(pruneBelow, root);
  const fateOf = (document: DocumentRecord): Absence | "stays" => {
    if (!isFromLoader(document) || ids.has(document.id)) return "stays";
    if (sources.has(document.source)) return "gone";
    return (namesSource(document) ? absenceOf(document) : undefined) ?? "stays";
  };
  const fates = corpus.transaction(() => {
    const found = groupBy([...corpus.documents()], fateOf);
    for (const { id } of found.get("gone") ?? []) corpus.removeDocument(id);
    return found;
  });
  for (const { id } of fates.get("gone") ?? []) tally.removed(id);
  tally.kept(fates.get("stranded")?.length ?? 0);
}

/** Whether its loader said where it came from; else its source is an id or a number. */
const namesSource = ({ metadata }: { readonly metadata: Metadata }): boolean =>
  typeof (metadata["path"] ?? metadata["source"]) === "string";
