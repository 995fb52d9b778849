import type Database from "better-sqlite3";
import { metaOf } from "./schema.ts";

/**
 * SQLite's own checks, and whether chunks, vectors and keyword rows belong together. Problems in words; empty when all
 * is well.
 */
export function integrityProblems(database: Database.Database): string[] {
  const rows = database.pragma("integrity_check") as { integrity_check: string }[];
  const problems = rows.map((row) => row.integrity_check).filter((line) => line !== "ok");
  return problems.length > 0 ? problems : chunkProblems(database);
}

function chunkProblems(database: Database.Database): string[] {
  const bytes = Number(metaOf(database, "dimension")) * Float32Array.BYTES_PER_ELEMENT;
  const count = (what: string, condition: string, ...values: number[]) => {
    const sql = `SELECT count(*) FROM ${condition}`;
    const found = database
      .prepare(sql)
      .pluck()
      .get(...values) as number;
    return found === 0 ? [] : [`${found} ${what}`];
  };
  return [
    ...count("documents whose metadata is damaged", "documents WHERE NOT json_valid(metadata)"),
    ...count("chunks whose headings are damaged", "chunks WHERE NOT json_valid(heading)"),
    ...count(
      "chunks without a document",
      "chunks WHERE document_id NOT IN (SELECT id FROM documents)",
    ),
    ...count("chunks whose vector has another length", "chunks WHERE length(vector) <> ?", bytes),
    ...count(
      "chunks that are not in the keyword index",
      "chunks WHERE id NOT IN (SELECT rowid FROM keywords)",
    ),
    ...count("keyword rows without a chunk", "keywords WHERE rowid NOT IN (SELECT id FROM chunks)"),
  ];
}
