import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RagError, systemCode } from "../../core/index.ts";
import { type BackupSummary, restoreStore } from "../corpus/backup.ts";
import type { Corpus } from "../corpus/corpus.ts";
import { openCorpus } from "../corpus/open-corpus.ts";
import { type StoreLockOptions, withStoreLock } from "../corpus/store-lock.ts";
import type { Embedder } from "../embedder/embedder.ts";
import { removeSnapshot } from "../index/snapshot.ts";
import { checkSavedIndex, rebuildIndex } from "./index-keeper.ts";
import { openRetriever, type Retriever } from "./retriever.ts";

type LockOptions = Omit<StoreLockOptions, "job">;

export interface CompactSummary {
  readonly documents: number;
  readonly chunks: number;
  /** Of the store's database and index files. */
  readonly byteLength: { readonly before: number; readonly after: number };
}

/**
 * Gives back the space of removed documents, and builds the index anew without their vectors.
 * @throws RagError store/empty, store/invalid, file/locked, file/write-failed
 */
export async function compactStore(
  folder: string,
  options: LockOptions = {},
): Promise<CompactSummary> {
  const corpus = openCorpus(folder, { create: false });
  try {
    return await withStoreLock(folder, { ...options, job: "compact" }, async () => {
      const before = await storeBytes(folder);
      corpus.compact();
      await rebuildIndex(folder, corpus);
      return { ...corpus.counts(), byteLength: { before, after: await storeBytes(folder) } };
    });
  } finally {
    corpus.close();
  }
}

/**
 * Puts a backup in the place of a store's documents, and builds its index.
 * @throws RagError file/not-found, file/locked, file/write-failed; store/invalid when the file is no whole backup: then nothing has changed
 */
export function restoreFromBackup(
  folder: string,
  file: string,
  options: LockOptions = {},
): Promise<BackupSummary> {
  return withStoreLock(folder, { ...options, job: "restore" }, async () => {
    // A process killed before the new index is there shall leave none, not one that belongs to other documents.
    const summary = await restoreStore(folder, file, () => removeSnapshot(folder));
    const corpus = openCorpus(folder, { create: false });
    try {
      await rebuildIndex(folder, corpus);
    } finally {
      corpus.close();
    }
    return summary;
  });
}

/**
 * Writes the index anew where the saved one is damaged or not of the documents there are: nothing to do after a run that changed nothing. Call it
 * holding the store's lock.
 * @throws RagError file/write-failed
 */
export async function renewSavedIndex(
  folder: string,
  parts: { readonly corpus: Corpus; readonly embedder: Embedder },
): Promise<void> {
  const { ok, isCurrent } = await checkSavedIndex(folder, parts.corpus);
  if (ok && isCurrent) return;
  await (await openRetriever(folder, parts)).saveIndex();
}

/** Saves an index that a reader of the store had to build, as {@link keepIndex} does. Returns whether it did: not when it was loaded. */
export async function keepBuiltIndex(folder: string, retriever: Retriever): Promise<boolean> {
  return retriever.isIndexWorthSaving && (await keepIndex(folder, retriever));
}

/**
 * Saves the index, so that the next start need not build it. Returns whether it did: not while another process writes to the store or where
 * the store cannot be written. What a saved index lacks, the next start adds.
 */
export async function keepIndex(folder: string, retriever: Retriever): Promise<boolean> {
  try {
    await withStoreLock(folder, { job: "index" }, () => retriever.saveIndex());
    return true;
  } catch (thrown) {
    const isKeptOut =
      thrown instanceof RagError && /^file\/(locked|write-failed)$/.test(thrown.code);
    if (isKeptOut) return false;
    throw thrown;
  }
}

async function storeBytes(folder: string): Promise<number> {
  let total = 0;
  for (const name of await readdir(folder)) {
    if (!/^(corpus\.db|index)/.test(name)) continue;
    try {
      total += (await stat(join(folder, name))).size;
    } catch (thrown) {
      // SQLite removes its log when the last process closes the database.
      if (systemCode(thrown) !== "ENOENT") throw thrown;
    }
  }
  return total;
}
