import { type HtmlNode, inlineText, wholeNumber } from "./html-text.ts";
import { MAX_TEXT_CHARACTERS } from "./parsed-document.ts";
import { tableRow } from "./table-text.ts";

/** More columns are not told apart; HTML itself knows no cell that is wider. @see HTML Standard, 4.9.12 (colspan) */
const MAX_COLUMNS = 1000;

/** What a cell says in the rows that it reaches down to. */
interface Reaching {
  readonly text: string;
  /** Rows below that it still covers. */
  rows: number;
}

/** Rows as lines, cells set apart by bars. A cell over several rows is repeated in each; of one over several columns the others are blank. */
export function tableText(table: HtmlNode): string {
  const grid = new TableGrid();
  const visit = (node: HtmlNode): void => {
    const name = node.nodeName.toUpperCase();
    if (name === "TR") grid.addRow(node);
    else if (name === "CAPTION") grid.addLine(inlineText(node));
    else {
      for (const child of node.childNodes) visit(child);
      // No cell reaches beyond its part of the table.
      if (/^T(HEAD|BODY|FOOT)$/.test(name)) grid.endCells();
    }
  };
  visit(table);
  return grid.text();
}

class TableGrid {
  readonly #lines: string[] = [];
  #length = 0;
  /** Of each column the cell that reaches down to the next row. */
  #reaching: (Reaching | undefined)[] = [];

  addRow(row: HtmlNode): void {
    // Few cells can repeat much text. A table that is longer than a document may be is refused with it.
    if (this.#length > MAX_TEXT_CHARACTERS) return;
    const texts: string[] = [];
    let hasText = false;
    for (const cell of row.childNodes) {
      if (!/^T[DH]$/i.test(cell.nodeName)) continue;
      this.#coverFromAbove(texts);
      const text = inlineText(cell);
      hasText ||= text !== "";
      this.#addCell(cell, text, texts);
    }
    this.#coverFromAbove(texts, this.#reaching.length);
    if (hasText) this.addLine(tableRow(texts));
  }

  addLine(line: string): void {
    if (line === "") return;
    this.#lines.push(line);
    this.#length += line.length + 1;
  }

  endCells(): void {
    this.#reaching = [];
  }

  text(): string {
    return this.#lines.join("\n");
  }

  /** Fills the columns that cells above cover, up to the next free one at or after `end`. */
  #coverFromAbove(texts: string[], end = 0): void {
    for (let at = texts.length; this.#reaching[at] || at < end; at++) {
      const cell = this.#reaching[at];
      texts.push(cell?.text ?? "");
      if (cell && --cell.rows === 0) this.#reaching[at] = undefined;
    }
  }

  #addCell(cell: HtmlNode, text: string, texts: string[]): void {
    const first = texts.length;
    const width = Math.max(1, wholeNumber(cell.getAttribute?.("colspan"), 1));
    const end = Math.max(first + 1, Math.min(first + width, MAX_COLUMNS));
    const height = wholeNumber(cell.getAttribute?.("rowspan"), 1);
    // None means all rows of this part of the table.
    const rows = height === 0 ? Number.POSITIVE_INFINITY : height - 1;
    for (let at = first; at < end; at++) {
      const own = at === first ? text : "";
      texts.push(own);
      this.#reaching[at] = rows > 0 ? { text: own, rows } : undefined;
    }
  }
}
