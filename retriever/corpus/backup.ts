import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type Database from "better-sqlite3";
import {
  RagError,
  renameDurably,
  systemCode,
  systemReason,
  temporaryPath,
} from "../../core/index.ts";
import { integrityProblems } from "./integrity.ts";
import { renewKeywords } from "./keyword-rows.ts";
import { CORPUS_FILE } from "./open-corpus.ts";
import { metaOf, renewSchema, SCHEMA, SCHEMA_VERSION, versionOf } from "./schema.ts";
import { BUSY_TIMEOUT_MS, loadSqlite } from "./sqlite.ts";
import { storeError } from "./sqlite-errors.ts";
import { STAGED_TABLE } from "./staged-vectors.ts";
import { storeName } from "./store-name.ts";

const PAGE_BYTES = 4096;
const LOG_ENDINGS = ["-wal", "-shm", "-journal"];

/** What a backup holds. */
export interface BackupSummary {
  readonly documents: number;
  readonly chunks: number;
  readonly byteLength: number;
}

/**
 * Writes one state of a store's documents, passages, vectors and keyword index to one file, whatever other processes write
 * meanwhile. The file appears whole or not at all. `replace`: puts it in the place of one that is there.
 * @throws RagError store/empty, store/invalid for a damaged store, file/write-failed
 */
export async function backupStore(
  folder: string,
  file: string,
  options: { readonly replace?: boolean } = {},
): Promise<BackupSummary> {
  const path = join(folder, CORPUS_FILE);
  if (!existsSync(path)) {
    throw new RagError(
      "store/empty",
      `${storeName(folder)}: there is no store here; nothing to back up.`,
    );
  }
  if (existsSync(file) && !options.replace) {
    throw new RagError(
      "file/write-failed",
      `${file}: is there already; name another file, or give --force to replace it.`,
    );
  }
  const temporary = temporaryPath(file);
  try {
    await withDatabase(path, (database) => database.backup(temporary));
    const summary = await withDatabase(temporary, async (database) => {
      // One file that can be copied, without SQLite's log beside it.
      database.pragma("journal_mode = DELETE");
      database.exec(`DROP TABLE IF EXISTS ${STAGED_TABLE}`);
      requireWhole(database, join(storeName(folder), CORPUS_FILE));
      return counts(database);
    });
    const { size } = await stat(temporary);
    await renameDurably(temporary, file);
    return { ...summary, byteLength: size };
  } catch (thrown) {
    throw readable(thrown, file);
  } finally {
    await removeDatabase(temporary);
  }
}

/**
 * Puts a backup in the place of a store's documents: all of it, or nothing when it is not whole. Searches that run
 * meanwhile see the old state or the new one. Call it holding the store's lock. `beforeChange`: called when the backup was found whole.
 * @throws RagError file/not-found, store/invalid when the file is no whole backup, file/write-failed
 */
export async function restoreStore(
  folder: string,
  file: string,
  beforeChange: () => Promise<void> = async () => {},
): Promise<BackupSummary> {
  const path = join(folder, CORPUS_FILE);
  const temporary = temporaryPath(path);
  try {
    await copyFile(file, temporary);
    const present = await presentSequence(path);
    const summary = await withDatabase(temporary, async (database) => {
      requireBackup(database, file);
      renewSchema(database);
      makeNewest(database, present ?? 0);
      database.transaction(renewKeywords)(database);
      await beforeChange();
      // One transaction of the store's own database, so that readers are never between the two.
      if (present !== undefined) await database.backup(path);
      return counts(database);
    });
    const { size } = await stat(temporary);
    if (present === undefined) await replaceDamaged(temporary, path);
    return { ...summary, byteLength: size };
  } catch (thrown) {
    throw readable(thrown, file);
  } finally {
    await removeDatabase(temporary);
  }
}

/** The sequence number of the store that is to be replaced; undefined when there is none that SQLite can write to. */
async function presentSequence(path: string): Promise<number | undefined> {
  if (!existsSync(path)) return undefined;
  try {
    return await withDatabase(path, async (database) => {
      const isWhole = database.pragma("quick_check(1)", { simple: true }) === "ok";
      const isOurs = versionOf(database) === SCHEMA_VERSION && pageSize(database) === PAGE_BYTES;
      return isWhole && isOurs ? Number(metaOf(database, "sequence")) : undefined;
    });
  } catch (thrown) {
    if (/^SQLITE_(CORRUPT|NOTADB)/.test(systemCode(thrown) ?? "")) return undefined;
    throw thrown;
  }
}

/** @throws RagError store/invalid for what is no store of ours, before anything of its schema is run */
function requireBackup(database: Database.Database, file: string): void {
  database.pragma("trusted_schema = OFF");
  const isOurs =
    versionOf(database) === SCHEMA_VERSION &&
    pageSize(database) === PAGE_BYTES &&
    ourSchemas().includes(schemaOf(database));
  if (!isOurs) {
    throw new RagError(
      "store/invalid",
      `${file}: is no backup of a store of this version; nothing was changed. Name a file written by "foreword store backup".`,
    );
  }
  database.pragma("journal_mode = DELETE");
  database.exec(`DROP TABLE IF EXISTS ${STAGED_TABLE}`);
  requireWhole(database, file);
}

function requireWhole(database: Database.Database, file: string): void {
  const problems = integrityProblems(database);
  if (problems.length === 0) return;
  throw new RagError(
    "store/invalid",
    `${file}: is damaged (${problems.slice(0, 3).join("; ")}); nothing was changed. Use another backup.`,
  );
}

/** Tables, indexes and triggers as SQL, without those of SQLite's own and the one that is there for a while. */
function schemaOf(database: Database.Database): string {
  const sql = `SELECT type || ':' || name || ':' || coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> '${STAGED_TABLE}' ORDER BY type, name`;
  return database.prepare(sql).pluck().all().join("\n");
}

/** Of a store as it was made at first, and of today's. */
function ourSchemas(): readonly string[] {
  const Sqlite = loadSqlite();
  const database = new Sqlite(":memory:");
  try {
    database.exec(SCHEMA);
    const first = schemaOf(database);
    renewSchema(database);
    return [first, schemaOf(database)];
  } finally {
    database.close();
  }
}

/** Whoever has read the present store must see that this is another one. */
function makeNewest(database: Database.Database, present: number): void {
  const sequence = Math.max(present, Number(metaOf(database, "sequence"))) + 1;
  const set = database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
  set.run("sequence", String(sequence));
  set.run("epoch", randomUUID());
  database.exec("DELETE FROM meta WHERE key IN ('vouched', 'staging')");
}

/** The old database's log must not be taken for the new one's, so it goes first; it belongs to nothing that can be read. */
async function replaceDamaged(temporary: string, path: string): Promise<void> {
  for (const ending of LOG_ENDINGS) await rm(path + ending, { force: true });
  await renameDurably(temporary, path);
}

async function withDatabase<Result>(
  path: string,
  work: (database: Database.Database) => Promise<Result>,
): Promise<Result> {
  const Sqlite = loadSqlite();
  const database = new Sqlite(path, { fileMustExist: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return await work(database);
  } finally {
    database.close();
  }
}

function counts(database: Database.Database): { documents: number; chunks: number } {
  const count = (table: string) =>
    database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
  return { documents: count("documents"), chunks: count("chunks") };
}

const pageSize = (database: Database.Database) => database.pragma("page_size", { simple: true });

async function removeDatabase(path: string): Promise<void> {
  for (const ending of ["", ...LOG_ENDINGS]) await rm(path + ending, { force: true });
}

function readable(thrown: unknown, file: string): unknown {
  const code = systemCode(thrown) ?? "";
  if (code === "ENOENT") {
    return new RagError("file/not-found", `${file}: there is no such file; check the path.`, {
      cause: thrown,
    });
  }
  const found = storeError(thrown, file);
  if (found instanceof RagError || !/^E[A-Z]+$/.test(code)) return found;
  return new RagError(
    "file/write-failed",
    `${file}: cannot be read or written (${systemReason(thrown)}); nothing was changed. Check permissions and free space.`,
    { cause: thrown },
  );
}
