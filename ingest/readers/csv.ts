import { CsvError, parse } from "csv-parse/sync";
import { errorMessage, RagError } from "../../core/index.ts";
import { DocumentBuilder } from "./document-builder.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { tableRow } from "./table-text.ts";

const DELIMITERS = [",", ";", "\t", "|"];
/** Lines looked at to find the delimiter. */
const SNIFFED_LINES = 20;
const MAX_RECORD_BYTES = 2 ** 20;
/** What Excel writes, and hides, above a table: its delimiter. */
const NAMED_DELIMITER = /^"?sep=(.)"?[^\S\n]*(?:\n|$)/i;
/** What a quote that is never closed comes to. */
const STRAY_QUOTE_CODES = new Set(["CSV_QUOTE_NOT_CLOSED", "CSV_MAX_RECORD_SIZE"]);

/**
 * Comma- or otherwise separated values (.csv, .tsv): one table, a record a row. Lines above it that hold less, such as a report's title, are a
 * paragraph.
 * @throws RagError file/invalid for a record of more than 1 MiB
 * @see RFC 4180
 */
export function parseCsv(text: string): ParsedDocument {
  const named = NAMED_DELIMITER.exec(text);
  const body = named ? text.slice(named[0].length) : text;
  const rows = records(body, named?.[1] ?? delimiterOf(body))
    .map((cells) => ({ text: tableRow(cells), length: filledLength(cells) }))
    .filter((row) => row.text !== "");
  const first = tableStart(rows.map(({ length }) => length));
  const lines = rows.map((row) => row.text);
  const builder = new DocumentBuilder();
  builder.add("paragraph", lines.slice(0, first).join("\n"));
  builder.add("table", lines.slice(first).join("\n"));
  return builder.finish();
}

/** Fields up to the last that holds something. */
const filledLength = (cells: readonly string[]): number =>
  cells.findLastIndex((cell) => cell.trim() !== "") + 1;

/**
 * Where the table begins, whose rows have as many fields as most have. The names of its columns may be one fewer: some programs name none
 * for the numbers of the rows, or end each row with a delimiter.
 */
function tableStart(lengths: readonly number[]): number {
  const usual = mostFrequent(lengths);
  const least = Math.min(usual, Math.max(2, usual - 1));
  return Math.max(
    0,
    lengths.findIndex((length) => length >= least),
  );
}

function records(text: string, delimiter: string): string[][] {
  try {
    const rows = parsed(text, { delimiter, quote: '"' });
    return rows.some((cells) => hasSwallowedRows(cells, delimiter))
      ? unquotedRecords(text, delimiter)
      : rows;
  } catch (thrown) {
    if (!(thrown instanceof CsvError && STRAY_QUOTE_CODES.has(thrown.code))) throw thrown;
    return unquotedRecords(text, delimiter);
  }
}

/**
 * Spreadsheets quote cells with line breaks in them. A quote that was no such cell's beginning, as in files with tabs, where it is a letter like
 * any, shows by what the rows have that it then holds: tabs, or the beginnings of other quoted cells.
 */
function hasSwallowedRows(cells: readonly string[], delimiter: string): boolean {
  const sign = delimiter === "\t" ? delimiter : `${delimiter}"`;
  return cells.some((cell) => cell.includes("\n") && cell.includes(sign));
}

/** Each line a record, whatever quotes are in it; those around a whole cell are taken off. */
function unquotedRecords(text: string, delimiter: string): string[][] {
  try {
    return parsed(text, { delimiter, quote: false }).map((cells) => cells.map(withoutQuotes));
  } catch (cause) {
    throw new RagError("file/invalid", `is no readable table of values (${errorMessage(cause)}).`, {
      cause,
    });
  }
}

const withoutQuotes = (cell: string): string =>
  cell.length > 1 && cell.startsWith('"') && cell.endsWith('"')
    ? cell.slice(1, -1).replaceAll('""', '"')
    : cell;

const parsed = (
  text: string,
  how: { readonly delimiter: string; readonly quote: '"' | false },
): string[][] =>
  parse(text, {
    ...how,
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: MAX_RECORD_BYTES,
  });

/** The delimiter that parts most lines into equally many fields. Lines without it, such as titles, tell nothing. */
function delimiterOf(text: string): string {
  const lines = text.split("\n", SNIFFED_LINES).filter((line) => line.trim() !== "");
  const score = (delimiter: string) => {
    const counts = lines.map((line) => line.replace(/"[^"]*"/g, "").split(delimiter).length - 1);
    const usual = mostFrequent(counts.filter((count) => count > 0));
    return usual === 0 ? 0 : counts.filter((count) => count === usual).length * 100 + usual;
  };
  const [best] = [...DELIMITERS].sort((a, b) => score(b) - score(a));
  return best!;
}

/** The number that comes most often, of several the largest; 0 where there is none. */
function mostFrequent(numbers: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1);
  const [most] = [...counts].sort(([a, times], [b, others]) => others - times || b - a);
  return most?.[0] ?? 0;
}
