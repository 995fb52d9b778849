import type Database from "better-sqlite3";
import { metaOf } from "./schema.ts";

/**
 * SQLite's own checks, whether chunks, vectors and keyword rows belong together, and whether each chunk is its document's text from start to
 * end. Problems in words; empty when all is well.
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
    ...foreignTexts(database),
  ];
}

interface TextRow {
  readonly start_offset: number;
  readonly end_offset: number;
  readonly text: string;
}

/** Document by document, of which one alone is held. */
function foreignTexts(database: Database.Database): string[] {
  const chunksOf = database.prepare(
    "SELECT start_offset, end_offset, text FROM chunks WHERE document_id = ?",
  );
  const documents = database.prepare("SELECT id, text FROM documents").iterate();
  let found = 0;
  for (const { id, text } of documents as IterableIterator<{ id: string; text: string }>) {
    const chunks = chunksOf.all(id) as TextRow[];
    found += chunks.filter((chunk) => !isFrom(text, chunk)).length;
  }
  return found === 0 ? [] : [`${found} chunks whose text is not their document's`];
}

/** SQLite has no half characters: they come back as several of these, with which texts grow. */
const REPLACEMENT = "\ufffd";

function isFrom(text: string, { start_offset: start, end_offset: end, text: own }: TextRow) {
  if (start >= 0 && end <= text.length && text.slice(start, end) === own) return true;
  return own.includes(REPLACEMENT) || text.includes(REPLACEMENT);
}
