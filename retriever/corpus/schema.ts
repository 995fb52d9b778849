import type Database from "better-sqlite3";

/** Raised when a table, or what goes into one, changes so that an older database cannot be read; it is refused by number. */
export const SCHEMA_VERSION = 2;

/**
 * Documents with their chunks, vectors and keyword index. Chunk ids are never used twice, so an index file that is older than the
 * database can be told from one that is current. The keyword index keeps no text of its own: its rows carry the chunk's id.
 * @see SQLite, FTS5 extension, contentless-delete tables
 */
export const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE documents (
  id TEXT PRIMARY KEY,
  source TEXT NOT NULL,
  title TEXT NOT NULL,
  format TEXT NOT NULL,
  collection TEXT NOT NULL,
  hash TEXT NOT NULL,
  text TEXT NOT NULL,
  metadata TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX documents_by_source ON documents (source);
CREATE INDEX documents_by_collection ON documents (collection);
CREATE TABLE chunks (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  document_id TEXT NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
  start_offset INTEGER NOT NULL,
  end_offset INTEGER NOT NULL,
  page INTEGER,
  heading TEXT NOT NULL,
  text TEXT NOT NULL,
  vector BLOB NOT NULL
);
CREATE INDEX chunks_by_document ON chunks (document_id);
CREATE VIRTUAL TABLE keywords USING fts5 (
  title, heading, text,
  content = '', contentless_delete = 1,
  tokenize = 'porter unicode61 remove_diacritics 2'
);
`;

/** A column that databases of version 2 did not have at first; they get it when they are opened or restored. */
const ADD_ROOT = "ALTER TABLE documents ADD COLUMN root TEXT NOT NULL DEFAULT ''";

/** Makes the tables of an empty database as an older one has them in the end, column for column. */
export function makeSchema(database: Database.Database): void {
  database.exec(SCHEMA);
  renewSchema(database);
}

/** Whether a database has every column. */
export const hasCurrentSchema = (database: Database.Database): boolean =>
  database
    .prepare("SELECT 1 FROM pragma_table_info('documents') WHERE name = 'root'")
    .pluck()
    .get() === 1;

/** Adds what an older database lacks. Call it within a transaction where others may do so. */
export function renewSchema(database: Database.Database): void {
  if (!hasCurrentSchema(database)) database.exec(ADD_ROOT);
}

/** The schema's version that a database says it has; 0 for an empty one. */
export const versionOf = (database: Database.Database): number =>
  database.pragma("user_version", { simple: true }) as number;

/** A fact about the store: its embedder, dimension, sequence number, epoch. */
export const metaOf = (database: Database.Database, key: string): string | undefined =>
  database.prepare("SELECT value FROM meta WHERE key = ?").pluck().get(key) as string | undefined;
