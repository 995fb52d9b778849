import { setTimeout } from "node:timers/promises";
import type Database from "better-sqlite3";
import { RagError } from "../../core/index.ts";
import type { Filter } from "../search/filter.ts";
import { embedderChanged } from "./embedder-changed.ts";
import { type Condition, filterCondition } from "./filter-sql.ts";
import { integrityProblems } from "./integrity.ts";
import { INSERT_KEYWORDS, keywordRow } from "./keyword-rows.ts";
import type { ChunkRecord, DocumentRecord, NewChunk, NewDocument } from "./records.ts";
import { fromBlob, SELECT_CHUNK, SELECT_DOCUMENT, toBlob, toChunk, toDocument } from "./rows.ts";
import { storeError } from "./sqlite-errors.ts";
import { STAGED_TABLE, StagedVectors } from "./staged-vectors.ts";

/** Title, heading, text. More weight for titles helped on no set of questions. */
const KEYWORD_WEIGHTS = "1.0, 1.0, 1.0";

const RETRY_MS = 50;

/** The documents of one store. A document is in, with all its chunks, or not in. */
export class Corpus {
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #embedderId: string;
  readonly #statements = new Map<string, Database.Statement>();
  /** Of the keyword search under way. */
  #accept: ((id: number) => boolean) | undefined;

  /** `path`: for messages; `embedderId`: whose vectors it has, and is given. See openCorpus. */
  constructor(database: Database.Database, path: string, embedderId: string) {
    this.#database = database;
    this.#path = path;
    this.#embedderId = embedderId;
    database.function(ACCEPTS, (id) => (this.#accept?.(id as number) ? 1 : 0));
  }

  /**
   * Adds a document or replaces the one with its id. Acknowledged when it returns.
   * @throws RagError store/mismatch for vectors that are not of this store, or once it has those of another embedder than
   * when it was opened; file/write-failed, file/locked
   */
  putDocument(
    document: NewDocument,
    chunks: readonly NewChunk[],
    vectors: readonly Float32Array[],
  ): void {
    this.transaction(() => {
      // Another process may have changed it a moment ago.
      this.#requireEmbedder();
      for (const index of chunks.keys()) this.#requireVector(vectors[index], document.id);
      this.#remove(document.id);
      const { id, source, title, format, collection = "", hash, text, metadata } = document;
      const { root = "" } = document;
      this.#run(
        "INSERT INTO documents (id, source, title, format, collection, hash, text, metadata, root) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [id, source, title, format, collection, hash, text, JSON.stringify(metadata), root],
      );
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

  /** Notes that documents were found again below another root. Nothing that is searched changes. @throws RagError file/write-failed, file/locked */
  moveToRoot(ids: readonly string[], root: string): void {
    if (ids.length === 0) return;
    this.transaction(() => {
      for (const id of ids) this.#run("UPDATE documents SET root = ? WHERE id = ?", [root, id]);
    });
  }

  /** Runs several changes as one: all or none. @throws RagError file/write-failed, file/locked, store/invalid */
  transaction<Result>(change: () => Result): Result {
    if (this.#database.inTransaction) return change();
    return this.#guard(() => this.#database.transaction(change).immediate());
  }

  /**
   * Like {@link transaction}, but while another process writes, this one's thread goes on: the change is tried again until it has waited
   * for `waitMs`.
   * @throws RagError file/locked when the other one still writes then, and as {@link transaction}
   */
  async transactionWhenFree<Result>(change: () => Result, waitMs: number): Promise<Result> {
    const deadline = performance.now() + waitMs;
    for (;;) {
      try {
        return this.#withoutWaiting(() => this.transaction(change));
      } catch (thrown) {
        const isLocked = thrown instanceof RagError && thrown.code === "file/locked";
        if (!isLocked || performance.now() >= deadline) throw thrown;
      }
      await setTimeout(RETRY_MS);
    }
  }

  /** Runs several reads on one state of the store, whatever other processes write meanwhile. */
  snapshot<Result>(read: () => Result): Result {
    if (this.#database.inTransaction) return read();
    return this.#guard(() => this.#database.transaction(read).deferred());
  }

  document(id: string): DocumentRecord | undefined {
    const row = this.#get(`${SELECT_DOCUMENT} WHERE d.id = ?`, [id]);
    return row ? toDocument(row) : undefined;
  }

  findBySource(source: string): DocumentRecord[] {
    return this.#all(`${SELECT_DOCUMENT} WHERE d.source = ?`, [source]).map(toDocument);
  }

  /** Documents by source, without their text; all, or those that pass a filter. */
  *documents(filter?: Filter): Generator<DocumentRecord> {
    const { sql, values } = filterCondition(filter ?? {});
    const rows = this.#all(`${SELECT_DOCUMENT} WHERE ${sql} ORDER BY d.source, d.id`, values);
    for (const row of rows) yield toDocument(row);
  }

  documentText(id: string): string | undefined {
    const row = this.#get("SELECT text FROM documents WHERE id = ?", [id]);
    return (row as { text: string } | undefined)?.text;
  }

  chunk(id: number): ChunkRecord | undefined {
    const row = this.#get(`${SELECT_CHUNK} WHERE id = ?`, [id]);
    return row ? toChunk(row) : undefined;
  }

  chunksOf(documentId: string): ChunkRecord[] {
    return this.#all(`${SELECT_CHUNK} WHERE document_id = ? ORDER BY id`, [documentId]).map(
      toChunk,
    );
  }

  /** Ids of chunks, rising; all, or those whose documents pass a filter. */
  chunkIds(filter?: Filter): number[] {
    const { sql, values } = filter ? matchingChunks(filter) : ALL_CHUNKS;
    return this.#guard(() => this.#column(`${sql} ORDER BY c.id`).all(...values)) as number[];
  }

  /** f32 [D] of a chunk. */
  vector(id: number): Float32Array | undefined {
    const blob = this.#guard(() => this.#column(SELECT_VECTOR).get(id));
    return blob ? fromBlob(blob as Buffer) : undefined;
  }

  /** Vectors of all chunks, by rising id. */
  *vectors(): Generator<{ readonly id: number; readonly vector: Float32Array }> {
    // Not a cached statement: one that is being iterated is busy.
    const rows = this.#database.prepare("SELECT id, vector FROM chunks ORDER BY id").iterate();
    for (const row of rows as IterableIterator<{ id: number; vector: Buffer }>) {
      yield { id: row.id, vector: fromBlob(row.vector) };
    }
  }

  /**
   * The best chunks for an FTS5 expression by BM25 (higher is better), best first. `accept`: only these.
   * @see SQLite, FTS5, bm25()
   */
  matchKeywords(
    expression: string,
    limit: number,
    accept?: (id: number) => boolean,
  ): { readonly id: number; readonly score: number }[] {
    const within = accept ? `AND ${ACCEPTS}(rowid)` : "";
    const sql = `SELECT rowid AS id, -bm25(keywords, ${KEYWORD_WEIGHTS}) AS score FROM keywords WHERE keywords MATCH ? ${within} ORDER BY score DESC, rowid LIMIT ?`;
    this.#accept = accept;
    return this.#all(sql, [expression, limit]) as { id: number; score: number }[];
  }

  counts(): { documents: number; chunks: number } {
    const count = (table: string) =>
      (this.#get(`SELECT count(*) AS n FROM ${table}`) as { n: number }).n;
    return { documents: count("documents"), chunks: count("chunks") };
  }

  /** Rises with every change: what was computed at another number is stale. */
  get sequence(): number {
    return Number(this.#meta("sequence"));
  }

  /** Whose vectors these are. */
  get embedder(): { readonly id: string; readonly dimension: number } {
    return { id: this.#meta("embedder"), dimension: Number(this.#meta("dimension")) };
  }

  /**
   * Changes when ids of chunks come to stand for other vectors (a restored backup, another embedder): what was indexed
   * before is foreign then.
   */
  get epoch(): string {
    return this.#meta("epoch");
  }

  /** sha256 of the manifests of index snapshots that were made from this store, the newest first. */
  get snapshots(): readonly string[] {
    return JSON.parse(this.#findMeta("vouched") ?? "[]");
  }

  /**
   * Vouches for a snapshot before it is put in place. `inPlace`: the manifest that it will replace, which stays valid, should
   * this process die in between.
   */
  vouchForSnapshot(manifest: string, inPlace: string | undefined): void {
    const kept = this.snapshots.filter((one) => one === inPlace && one !== manifest);
    this.#run("INSERT OR REPLACE INTO meta VALUES ('vouched', ?)", [
      JSON.stringify([manifest, ...kept]),
    ]);
  }

  /** SQLite's own checks, and whether every chunk is its document's text. Problems in words; empty when all is well. */
  checkIntegrity(): string[] {
    return this.snapshot(() => integrityProblems(this.#database));
  }

  /**
   * Gives back the space of what was removed, and of a reindexing that was given up, and merges the keyword index.
   * @throws RagError file/write-failed, file/locked
   */
  compact(): void {
    this.#guard(() => {
      this.#database.exec(`DROP TABLE IF EXISTS ${STAGED_TABLE}`);
      this.#database.exec("INSERT INTO keywords (keywords) VALUES ('optimize')");
      this.#database.exec("VACUUM");
      this.#database.pragma("wal_checkpoint(TRUNCATE)");
    });
  }

  /** Vectors of another embedder, laid beside the present ones until there is one for every chunk. */
  stageVectors(embedder: { readonly id: string; readonly dimension: number }): StagedVectors {
    return this.#guard(() => new StagedVectors(this.#database, this.#path, embedder));
  }

  close(): void {
    this.#database.close();
  }

  #addChunk({ id: documentId, title }: NewDocument, chunk: NewChunk, vector: Float32Array): void {
    const { start, end, page, heading, text } = chunk;
    const { lastInsertRowid } = this.#run(
      "INSERT INTO chunks (document_id, start_offset, end_offset, page, heading, text, vector) VALUES (?, ?, ?, ?, ?, ?, ?)",
      [documentId, start, end, page ?? null, JSON.stringify(heading), text, toBlob(vector)],
    );
    this.#run(INSERT_KEYWORDS, [lastInsertRowid, ...keywordRow(title, heading, text)]);
  }

  #remove(documentId: string): boolean {
    this.#run("DELETE FROM keywords WHERE rowid IN (SELECT id FROM chunks WHERE document_id = ?)", [
      documentId,
    ]);
    this.#run("DELETE FROM chunks WHERE document_id = ?", [documentId]);
    return this.#run("DELETE FROM documents WHERE id = ?", [documentId]).changes > 0;
  }

  #bump(): void {
    this.#run("UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'sequence'");
  }

  #meta(key: string): string {
    return this.#findMeta(key)!;
  }

  #findMeta(key: string): string | undefined {
    const row = this.#get("SELECT value FROM meta WHERE key = ?", [key]);
    return (row as { value: string } | undefined)?.value;
  }

  #requireEmbedder(): void {
    const { id } = this.embedder;
    if (id !== this.#embedderId) throw embedderChanged(this.#path, id);
  }

  #requireVector(vector: Float32Array | undefined, name: string): void {
    const { dimension } = this.embedder;
    if (vector?.length === dimension && vector.every(Number.isFinite)) return;
    const found = vector
      ? vector.length === dimension
        ? "one with values that are no numbers"
        : `one of ${vector.length}`
      : "none";
    throw new RagError(
      "store/mismatch",
      `${name}: expected a vector of ${dimension} numbers, found ${found}; check the embedder.`,
    );
  }

  #run(sql: string, values: readonly unknown[] = []) {
    return this.#guard(() => this.#statement(sql).run(...values));
  }

  #get(sql: string, values: readonly unknown[] = []): unknown {
    return this.#guard(() => this.#statement(sql).get(...values));
  }

  #all(sql: string, values: readonly unknown[] = []): unknown[] {
    return this.#guard(() => this.#statement(sql).all(...values));
  }

  /** A statement whose rows are their first column's values. */
  #column(sql: string): Database.Statement {
    return this.#statement(sql).pluck();
  }

  #statement(sql: string): Database.Statement {
    const known = this.#statements.get(sql);
    if (known) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** SQLite itself waits for a lock by putting the thread to sleep. */
  #withoutWaiting<Result>(work: () => Result): Result {
    const usual = this.#database.pragma("busy_timeout", { simple: true });
    this.#database.pragma("busy_timeout = 0");
    try {
      return work();
    } finally {
      this.#database.pragma(`busy_timeout = ${usual}`);
    }
  }

  #guard<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (thrown) {
      throw storeError(thrown, this.#path);
    }
  }
}

/** Filters make statements without end. */
const MAX_STATEMENTS = 100;
const SELECT_VECTOR = "SELECT vector FROM chunks WHERE id = ?";
/** The SQL function that says whether a keyword search may find a chunk. */
const ACCEPTS = "accepts_chunk";
const ALL_CHUNKS: Condition = { sql: "SELECT c.id AS id FROM chunks c", values: [] };

function matchingChunks(filter: Filter): Condition {
  const { sql, values } = filterCondition(filter);
  return {
    sql: `SELECT c.id AS id FROM chunks c JOIN documents d ON d.id = c.document_id WHERE ${sql}`,
    values,
  };
}
