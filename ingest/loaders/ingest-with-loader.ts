import { resolve } from "node:path";
import { RagError } from "../../core/index.ts";
import { ReaderProcess } from "../readers/reader-process.ts";
import type { FailedDocument, IngestSummary } from "../tally.ts";
import { ingestLoaded, type LoadedIngestOptions } from "./ingest-loaded.ts";
import type { LoadedDocument } from "./loaded-document.ts";
import { loaderClass } from "./loader-class.ts";

/**
 * Runs a LangChain loader on each path, in a process that can be ended, and stores what it gives. A path it cannot load is named.
 * `loader`: see {@link loaderClass}.
 * @throws RagError config/invalid for a loader that is not there, file/locked
 */
export async function ingestWithLoader(
  options: Omit<LoadedIngestOptions, "documents" | "pruneBelow"> & {
    readonly paths: readonly string[];
    readonly loader: string;
    /** Removes documents of these paths whose files are gone. */
    readonly prune?: boolean;
  },
): Promise<IngestSummary> {
  const { paths, root, signal } = options;
  const loader = loaderClass(options.loader);
  const reader = new ReaderProcess();
  const documents: LoadedDocument[] = [];
  const failed: FailedDocument[] = [];
  try {
    for (const path of paths) {
      try {
        documents.push(...(await reader.load(resolve(root, path), loader, signal)));
      } catch (thrown) {
        if (!(thrown instanceof RagError) || thrown.code === "config/invalid") throw thrown;
        failed.push({ source: path, reason: thrown.message });
      }
    }
  } finally {
    reader.close();
  }
  const summary = await ingestLoaded({
    ...options,
    documents,
    pruneBelow: options.prune ? paths : undefined,
  });
  const all = [...failed, ...summary.documents.failed];
  return { ...summary, documents: { ...summary.documents, failed: all } };
}
