import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../core/index.ts";
import { type BackupSummary, restoreStore } from "../corpus/backup.ts";
import { openCorpus } from "../corpus/open-corpus.ts";
import { type StoreLockOptions, withStoreLock } from "../corpus/store-lock.ts";
import { removeSnapshot } from "../index/snapshot.ts";
import { rebuildIndex } from "./index-keeper.ts";

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
