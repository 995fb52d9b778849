import { randomUUID } from "node:crypto";
import type Database from "better-sqlite3";
import { toBlob } from "./rows.ts";
import { storeError } from "./sqlite-errors.ts";

/** A table beside the chunks; it is there only while a store is embedded again. */
export const STAGED_TABLE = "staged_vectors";

/**
 * Vectors of another embedder on their way into a store. They are kept batch by batch, so that a run that was killed goes on
 * where it stopped; searches use the old ones until {@link StagedVectors.adopt} replaces all at once.
 */
export class StagedVectors {
  readonly #database: Database.Database;
  readonly #path: string;
  readonly #embedder: { readonly id: string; readonly dimension: number };

  /** Begins, or goes on with what an earlier run staged for the same embedder. */
  constructor(
    database: Database.Database,
    path: string,
    embedder: { readonly id: string; readonly dimension: number },
  ) {
    this.#database = database;
    this.#path = path;
    this.#embedder = embedder;
    this.#write(() => {
      const begun = database.prepare("SELECT value FROM meta WHERE key = 'staging'").pluck().get();
      if (begun !== embedder.id) database.exec(`DROP TABLE IF EXISTS ${STAGED_TABLE}`);
      database.exec(
        `CREATE TABLE IF NOT EXISTS ${STAGED_TABLE} (id INTEGER PRIMARY KEY, vector BLOB NOT NULL)`,
      );
      database.prepare("INSERT OR REPLACE INTO meta VALUES ('staging', ?)").run(embedder.id);
    });
  }

  /** Ids of at most `limit` chunks that have no vector yet. */
  missing(limit: number): number[] {
    const sql = `SELECT id FROM chunks WHERE id NOT IN (SELECT id FROM ${STAGED_TABLE}) ORDER BY id LIMIT ?`;
    return this.#database.prepare(sql).pluck().all(limit) as number[];
  }

  /** f32 [D] for each id. Kept for good when it returns. */
  put(ids: readonly number[], vectors: readonly Float32Array[]): void {
    const insert = this.#database.prepare(`INSERT OR REPLACE INTO ${STAGED_TABLE} VALUES (?, ?)`);
    this.#write(() => {
      for (const [index, id] of ids.entries()) insert.run(id, toBlob(vectors[index]!));
    });
  }

  /**
   * Replaces all vectors of the store by the staged ones, and its embedder, in one transaction. False, with nothing
   * changed, when chunks have come meanwhile that have no vector yet.
   */
  adopt(): boolean {
    return this.#write(() => {
      if (this.missing(1).length > 0) return false;
      const database = this.#database;
      const { id, dimension } = this.#embedder;
      database.exec(
        `UPDATE chunks SET vector = (SELECT s.vector FROM ${STAGED_TABLE} s WHERE s.id = chunks.id)`,
      );
      const set = database.prepare("INSERT OR REPLACE INTO meta VALUES (?, ?)");
      set.run("embedder", id);
      set.run("dimension", String(dimension));
      set.run("epoch", randomUUID());
      database.exec(
        `UPDATE meta SET value = CAST(value AS INTEGER) + 1 WHERE key = 'sequence';
         DELETE FROM meta WHERE key IN ('staging', 'vouched');
         DROP TABLE ${STAGED_TABLE};`,
      );
      return true;
    });
  }

  #write<Result>(change: () => Result): Result {
    try {
      return this.#database.transaction(change).immediate();
    } catch (thrown) {
      throw storeError(thrown, this.#path);
    }
  }
}
