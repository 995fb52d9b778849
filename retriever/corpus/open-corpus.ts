import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import {
  errorMessage,
  RagError,
  systemCode,
  systemReason,
  withoutFolders,
} from "../../core/index.ts";
import { Corpus } from "./corpus.ts";
import { hasCurrentKeywords, renewKeywords } from "./keyword-rows.ts";
import {
  hasCurrentSchema,
  makeSchema,
  metaOf,
  renewSchema,
  SCHEMA_VERSION,
  versionOf,
} from "./schema.ts";
import { BUSY_TIMEOUT_MS, loadSqlite } from "./sqlite.ts";
import { storeError } from "./sqlite-errors.ts";
import { storeName } from "./store-name.ts";

export interface CorpusOptions {
  /**
   * The embedder of its vectors. A new store takes it over; an old one must have been made with the same. Without one, any
   * store that is there is opened: for looking after it.
   */
  readonly embedder?: { readonly id: string; readonly dimension: number } | undefined;
  /** Makes the store when it is not there. */
  readonly create: boolean;
}

/** The database's name in a store folder. */
export const CORPUS_FILE = "corpus.db";

/**
 * Opens the corpus of a store folder.
 * @throws RagError store/empty when there is none and it may not be made, store/mismatch for another embedder,
 * store/invalid for a damaged or newer database, file/write-failed, file/locked
 */
export function openCorpus(folder: string, options: CorpusOptions): Corpus {
  const path = join(folder, CORPUS_FILE);
  const shown = join(storeName(folder), CORPUS_FILE);
  let database: Database.Database | undefined;
  let isThere = false;
  try {
    isThere = existsSync(path);
    if (!isThere) makeFolder(folder, options);
    const Sqlite = loadSqlite();
    database = new Sqlite(path, { timeout: BUSY_TIMEOUT_MS });
    return new Corpus(database, shown, prepare(database, shown, options.embedder));
  } catch (thrown) {
    database?.close();
    if (isThere && mayNotBeWritten(thrown)) throw readOnlyStore(shown, thrown);
    const cause = storeError(thrown, shown);
    if (cause instanceof RagError) throw cause;
    throw new RagError(
      "store/invalid",
      `${shown}: cannot be opened as a store (${withoutFolders(errorMessage(cause))}); restore it from a copy, or ingest into another folder.`,
      { cause },
    );
  }
}

/** Opening writes beside the database, if nothing else, who reads it (SQLite's -shm file). @see SQLite, Write-Ahead Logging */
const mayNotBeWritten = (thrown: unknown): boolean =>
  /^SQLITE_(READONLY|CANTOPEN|PERM)/.test(systemCode(thrown) ?? "");

const readOnlyStore = (path: string, cause: unknown): RagError =>
  new RagError(
    "file/write-failed",
    `${path}: this store cannot be written (${systemCode(cause)}), which it has to be also to be read; copy its folder to where you may write, or change its permissions (and check the limit of open files).`,
    { cause },
  );

/** A corpus that lives as long as this process: to see what would be done to a store that is not there yet. */
export function memoryCorpus(embedder: NonNullable<CorpusOptions["embedder"]>): Corpus {
  const Sqlite = loadSqlite();
  const database = new Sqlite(":memory:");
  return new Corpus(database, ":memory:", prepare(database, ":memory:", embedder));
}

function makeFolder(folder: string, { create }: CorpusOptions): void {
  if (!create) throw emptyStore(storeName(folder));
  try {
    mkdirSync(folder, { recursive: true });
  } catch (cause) {
    throw new RagError(
      "file/write-failed",
      `${storeName(folder)}: cannot be made (${systemReason(cause)}); check permissions and free space.`,
      { cause },
    );
  }
}

/** Returns the id of the embedder whose vectors the store has. `where`: for messages. */
function prepare(
  database: Database.Database,
  where: string,
  embedder: CorpusOptions["embedder"],
): string {
  database.pragma("journal_mode = WAL");
  // What was acknowledged survives a power cut, not only a killed process.
  database.pragma("synchronous = FULL");
  database.pragma("foreign_keys = ON");
  if (!isReady(database)) {
    // Two processes may make a new store at once.
    database.transaction(() => makeTables(database, where, embedder)).immediate();
  }
  const stored = metaOf(database, "embedder")!;
  if (embedder && stored !== embedder.id) {
    throw new RagError(
      "store/mismatch",
      `${where}: its vectors were made by ${stored}, but the embedder in use is ${embedder.id}; use that embedder, run "foreword reindex" to embed the store again with this one, or ingest into a new folder.`,
    );
  }
  return stored;
}

/** Whether there is nothing to write, so that readers need not wait for a writer. */
function isReady(database: Database.Database): boolean {
  return (
    versionOf(database) === SCHEMA_VERSION &&
    hasCurrentSchema(database) &&
    metaOf(database, "epoch") !== undefined &&
    hasCurrentKeywords(database)
  );
}

function makeTables(
  database: Database.Database,
  where: string,
  embedder: CorpusOptions["embedder"],
): void {
  const version = versionOf(database);
  const set = (key: string, value: string) =>
    database.prepare("INSERT OR IGNORE INTO meta VALUES (?, ?)").run(key, value);
  if (version === SCHEMA_VERSION) {
    // A store from before it had these, or of other keywords.
    renewSchema(database);
    set("epoch", randomUUID());
    renewKeywords(database);
    return;
  }
  if (version !== 0) {
    throw new RagError(
      "store/invalid",
      `${where}: was written by another version (schema ${version}, this one reads ${SCHEMA_VERSION}); ingest into a new folder.`,
    );
  }
  if (!embedder) throw emptyStore(where);
  makeSchema(database);
  set("embedder", embedder.id);
  set("dimension", String(embedder.dimension));
  set("sequence", "0");
  set("epoch", randomUUID());
  renewKeywords(database);
  database.pragma(`user_version = ${SCHEMA_VERSION}`);
}

/** `where`: what the message calls the store, see {@link storeName}. */
export const emptyStore = (where: string): RagError =>
  new RagError(
    "store/empty",
    `${where}: there are no documents here; run "foreword ingest <files>" first, or name another folder with --store.`,
  );
