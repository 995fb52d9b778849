import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type Database from "better-sqlite3";
import { errorMessage, RagError } from "../../core/index.ts";
import type { ChunkRecord, DocumentRecord, NewChunk, NewDocument } from "./records.ts";
import { SCHEMA, SCHEMA_VERSION } from "./schema.ts";
import { loadSqlite } from "./sqlite.ts";

export interface CorpusOptions {
  /** The embedder of its vectors. A new store takes it over; an old one must have been made with the same. */
  readonly embedder: { readonly id: string; readonly dimension: number };
  /** Makes the store when it is not there. */
  readonly create: boolean;
}

const FILE = "corpus.db";
const BUSY_TIMEOUT_MS = 10_000;
/** Columns of the keyword index in order; a match in a title says more than one in the text. */
const KEYWORD_WEIGHTS = "2.0, 1.5, 1.0";

interface ChunkRow {
  readonly id: number;
  readonly document_id: string;
  readonly start_offset: number;
  readonly end_offset: number;
  readonly page: number | null;
  readonly heading: string;
  readonly text: string;
}

/**
 * Opens the corpus of a store folder.
 * @throws RagError store/empty when there is none and it may not be made, store/mismatch for another embedder,
 * store/invalid for a damaged or newer database
 */
export function openCorpus(folder: string, options: CorpusOptions): Corpus {
  const path = join(folder, FILE);
  if (!existsSync(path)) {
    if (!options.create) {
      throw new RagError(
        "store/empty",
        `${folder}: there is no store here; run "foreword ingest <files>" first, or name its folder with --store.`,
      );
    }
    mkdirSync(folder, { recursive: true });
  }
  let database: Database.Database | undefined;
  try {
    database = new (loadSqlite())(path, { timeout: BUSY_TIMEOUT_MS });
    prepare(database, path, options);
    return new Corpus(database);
  } catch (cause) {
    database?.close();
    if (cause instanceof RagError) throw cause;
    throw new RagError(
      "store/invalid",
      `${path}: cannot be opened as a store (${errorMessage(cause)}); restore it from a copy, or ingest into another folder.`,
      { cause },
    );
  }
}

function prepare(database: Database.Database, path: string, { embedder }: CorpusOptions): void {
  database.pragma("journal_mode = WAL");
  // What was acknowledged survives a power cut, not only a killed process.
  database.pragma("synchronous = FULL");
  database.pragma("foreign_keys = ON");
  const version = database.pragma("user_version", { simple: true }) as number;
  if (version === 0) {
    database
      .transaction(() => {
        database.exec(SCHEMA);
        const set = database.prepare("INSERT INTO meta VALUES (?, ?)");
        set.run("embedder", embedder.id);
        set.run("dimension", String(embedder.dimension));
        set.run("sequence", "0");
        database.pragma(`user_version = ${SCHEMA_VERSION}`);
      })
      .immediate();
  } else if (version !== SCHEMA_VERSION) {
    throw new RagError(
      "store/invalid",
      `${path}: was written by another version (schema ${version}, this one reads ${SCHEMA_VERSION}); ingest into a new folder.`,
    );
  }
  const stored = database.prepare("SELECT value FROM meta WHERE key = 'embedder'").pluck().get();
  if (stored !== embedder.id) {
    throw new RagError(
      "store/mismatch",
      `${path}: its vectors were made by ${stored}, but the embedder in use is ${embedder.id}; use that embedder or ingest into a new folder.`,
    );
  }
}

/** The documents of one store. A document is in, with all its chunks, or not in. */
export class Corpus {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    this.#database = database;
  }

  /** Adds a document or replaces the one with its id. Acknowledged when it returns. */
  putDocument(
    document: NewDocument,
    chunks: readonly NewChunk[],
    vectors: readonly Float32Array[],
  ): void {
    this.transaction(() => {
      this.#remove(document.id);
      const { id, source, title, format, hash, text, metadata } = document;
      this.#database
        .prepare("INSERT INTO documents VALUES (?, ?, ?, ?, ?, ?, ?)")
        .run(id, source, title, format, hash, text, JSON.stringify(metadata));
      for (const [index, chunk] of chunks.entries()) {
        this.#addChunk(document, chunk, vectors[index]!);
      }
      this.#bump();
    });
  }

  /** Whether there was such a document. */
  removeDocument(id: string): boolean {
    return this.transaction(() => {
      const wasThere = this.#remove(id);
      if (wasThere) this.#bump();
      return wasThere;
    });
  }

  /** Runs several changes as one: all or none. */
  transaction<Result>(change: () => Result): Result {
    return this.#database.inTransaction ? change() : this.#database.transaction(change).immediate();
  }

  document(id: string): DocumentRecord | undefined {
    const row = this.#database.prepare(`${SELECT_DOCUMENT} WHERE id = ?`).get(id);
    return row ? toDocument(row) : undefined;
  }

  findBySource(source: string): DocumentRecord[] {
    const rows = this.#database.prepare(`${SELECT_DOCUMENT} WHERE source = ?`).all(source);
    return rows.map(toDocument);
  }

  /** All documents by source, without their text. */
  *documents(): Generator<DocumentRecord> {
    const rows = this.#database.prepare(`${SELECT_DOCUMENT} ORDER BY source, id`).all();
    for (const row of rows) yield toDocument(row);
  }

  documentText(id: string): string | undefined {
    const found = this.#database.prepare("SELECT text FROM documents WHERE id = ?").pluck().get(id);
    return found as string | undefined;
  }

  chunk(id: number): ChunkRecord | undefined {
    const row = this.#database.prepare(`${SELECT_CHUNK} WHERE id = ?`).get(id);
    return row ? toChunk(row as ChunkRow) : undefined;
  }

  chunksOf(documentId: string): ChunkRecord[] {
    const rows = this.#database
      .prepare(`${SELECT_CHUNK} WHERE document_id = ? ORDER BY id`)
      .all(documentId);
    return rows.map((row) => toChunk(row as ChunkRow));
  }

  /** Ids of all chunks, rising. */
  chunkIds(): number[] {
    return this.#database.prepare("SELECT id FROM chunks ORDER BY id").pluck().all() as number[];
  }

  /** f32 [D] of a chunk. */
  vector(id: number): Float32Array | undefined {
    const blob = this.#database.prepare("SELECT vector FROM chunks WHERE id = ?").pluck().get(id);
    return blob ? fromBlob(blob as Buffer) : undefined;
  }

  /** Vectors of all chunks, by rising id. */
  *vectors(): Generator<{ readonly id: number; readonly vector: Float32Array }> {
    const rows = this.#database.prepare("SELECT id, vector FROM chunks ORDER BY id").iterate();
    for (const row of rows as IterableIterator<{ id: number; vector: Buffer }>) {
      yield { id: row.id, vector: fromBlob(row.vector) };
    }
  }

  /**
   * The best chunks for an FTS5 expression by BM25, best first.
   * @see SQLite, FTS5, bm25()
   */
  matchKeywords(expression: string, limit: number): number[] {
    return this.#database
      .prepare(
        `SELECT rowid FROM keywords WHERE keywords MATCH ? ORDER BY bm25(keywords, ${KEYWORD_WEIGHTS}) LIMIT ?`,
      )
      .pluck()
      .all(expression, limit) as number[];
  }

  counts(): { documents: number; chunks: number } {
    const count = (table: string) =>
      this.#database.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as number;
    return { documents: count("documents"), chunks: count("chunks") };
  }

  /** Rises with every change: what was computed at another number is stale. */
  get sequence(): number {
    const value = this.#database.prepare("SELECT value FROM meta WHERE key = 'sequence'");
    return Number(value.pluck().get());
  }

  /** SQLite's own check. Problems in its words; empty when all is well. */
  checkIntegrity(): string[] {
    const rows = this.#database.pragma("integrity_check") as { integrity_check: string }[];
    return rows.map((row) => row.integrity_check).filter((line) => line !== "ok");
  }

  close(): void {
    this.#database.close();
  }

  #addChunk({ id: documentId, title }: NewDocument, chunk: NewChunk, vector: Float32Array): void {
    const { lastInsertRowid } = this.#database
      .prepare(
        "INSERT INTO chunks (document_id, start_offset, end_offset, page, heading, text, vector) VALUES (?, ?, ?, ?, ?, ?, ?)",
      )
      .run(
        documentId,
        chunk.start,
        chunk.end,
        chunk.page ?? null,
        JSON.stringify(chunk.heading),
        chunk.text,
        toBlob(vector),
      );
    this.#database
      .prepare("INSERT INTO keywords (rowid, title, heading, text) VALUES (?, ?, ?, ?)")
      .run(lastInsertRowid, title, chunk.heading.join(" "), chunk.text);
  }

  #remove(documentId: string): boolean {
    this.#database
      .prepare("DELETE FROM keywords WHERE rowid IN (SELECT id FROM chunks WHERE document_id = ?)")
      .run(documentId);
    this.#database.prepare("DELETE FROM chunks WHERE document_id = ?").run(documentId);
    return this.#database.prepare("DELETE FROM documents WHERE id = ?").run(documentId).changes > 0;
  }

  #bump(): void {
    this.#database
      .prepare("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'sequence'")
      .run();
  }
}

const SELECT_DOCUMENT = "SELECT id, source, title, format, hash, metadata FROM documents";
const SELECT_CHUNK =
  "SELECT id, document_id, start_offset, end_offset, page, heading, text FROM chunks";

function toDocument(row: unknown): DocumentRecord {
  const { metadata, ...rest } = row as Omit<DocumentRecord, "metadata"> & { metadata: string };
  return { ...rest, metadata: JSON.parse(metadata) };
}

function toChunk(row: ChunkRow): ChunkRecord {
  return {
    id: row.id,
    documentId: row.document_id,
    start: row.start_offset,
    end: row.end_offset,
    ...(row.page === null ? {} : { page: row.page }),
    heading: JSON.parse(row.heading),
    text: row.text,
  };
}

const toBlob = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

/** A copy: SQLite's buffer is not aligned to four bytes. */
const fromBlob = (blob: Buffer): Float32Array =>
  new Float32Array(blob.buffer.slice(blob.byteOffset, blob.byteOffset + blob.byteLength));
