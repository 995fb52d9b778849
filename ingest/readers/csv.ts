import { parse } from "csv-parse/sync";
import { errorMessage, RagError } from "../../core/index.ts";
import { DocumentBuilder } from "./document-builder.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { tableRow } from "./table-text.ts";

const DELIMITERS = [",", ";", "\t", "|"];
/** Lines looked at to find the delimiter. */
const SNIFFED_LINES = 20;
const MAX_RECORD_BYTES = 2 ** 20;

/** Comma- or otherwise separated values (.csv, .tsv): one table, a record a row. @see RFC 4180 */
export function parseCsv(text: string): ParsedDocument {
  const builder = new DocumentBuilder();
  builder.add(
    "table",
    records(text)
      .map(tableRow)
      .filter((row) => row !== "")
      .join("\n"),
  );
  return builder.finish();
}

function records(text: string): string[][] {
  try {
    return parse(text, {
      delimiter: delimiterOf(text),
      relax_column_count: true,
      relax_quotes: true,
      skip_empty_lines: true,
      max_record_size: MAX_RECORD_BYTES,
    });
  } catch (cause) {
    throw new RagError("file/invalid", `is no readable table of values (${errorMessage(cause)}).`, {
      cause,
    });
  }
}

/** The delimiter that parts most lines into equally many fields. */
function delimiterOf(text: string): string {
  const lines = text.split("\n", SNIFFED_LINES).filter((line) => line.trim() !== "");
  const score = (delimiter: string) => {
    const counts = lines.map((line) => line.replace(/"[^"]*"/g, "").split(delimiter).length - 1);
    const usual = counts[0] ?? 0;
    return usual === 0 ? 0 : counts.filter((count) => count === usual).length * 100 + usual;
  };
  const [best] = [...DELIMITERS].sort((a, b) => score(b) - score(a));
  return best!;
}
