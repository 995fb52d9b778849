import type Database from "better-sqlite3";
import { keywordText, normalText } from "../search/keyword-text.ts";
import { metaOf } from "./schema.ts";

/** Raised when {@link keywordText} makes other words of a text; `hasChanged` then says of which. */
const KEYWORDS_VERSION = "3";
const hasChanged = (text: string): boolean => normalText(text) !== text;

export const INSERT_KEYWORDS =
  "INSERT INTO keywords (rowid, title, heading, text) VALUES (?, ?, ?, ?)";

/** A chunk's columns in the keyword index. */
export const keywordRow = (title: string, heading: readonly string[], text: string): string[] =>
  [title, heading.join(" "), text].map(keywordText);

interface Source {
  readonly id: number;
  readonly title: string;
  readonly heading: string;
  readonly text: string;
}

const SELECT_SOURCE =
  "SELECT c.id, d.title, c.heading, c.text FROM chunks c JOIN documents d ON d.id = c.document_id";

/** Whether the keyword index has the words that a search looks for today. */
export const hasCurrentKeywords = (database: Database.Database): boolean =>
  metaOf(database, "keywords") === KEYWORDS_VERSION;

/** Writes again what an earlier version made other words of. Call it within a transaction. */
export function renewKeywords(database: Database.Database): void {
  if (hasCurrentKeywords(database)) return;
  const find = database.prepare(`${SELECT_SOURCE} WHERE c.id = ?`);
  const remove = database.prepare("DELETE FROM keywords WHERE rowid = ?");
  const insert = database.prepare(INSERT_KEYWORDS);
  // SQLite writes nothing while rows are being read.
  for (const id of changedChunks(database)) {
    const { title, heading, text } = find.get(id) as Source;
    remove.run(id);
    insert.run(id, ...keywordRow(title, JSON.parse(heading), text));
  }
  database.prepare("INSERT OR REPLACE INTO meta VALUES ('keywords', ?)").run(KEYWORDS_VERSION);
}

function changedChunks(database: Database.Database): number[] {
  const ids: number[] = [];
  const rows = database.prepare(`${SELECT_SOURCE} WHERE json_valid(c.heading)`).iterate();
  for (const { id, title, heading, text } of rows as IterableIterator<Source>) {
    if ([title, heading, text].some(hasChanged)) ids.push(id);
  }
  return ids;
}
