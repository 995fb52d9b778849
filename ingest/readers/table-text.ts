import { trimEndOf } from "./trim-end.ts";

/** A row of a table as a line: cells set apart by bars, none at its end. Cells have no line breaks then. */
export function tableRow(cells: readonly string[]): string {
  const line = cells.map((cell) => cell.replace(/\s+/g, " ").trim()).join(" | ");
  return trimEndOf(line, /[\s|]/);
}
