import type { DocumentBuilder } from "./document-builder.ts";
import { tableRow } from "./table-text.ts";
import type { XmlAttributes, XmlHandlers } from "./xml.ts";

/** Comments, and text that was deleted while changes were tracked. */
const LEFT_OUT = new Set(["annotation", "tracked-changes", "forms", "desc", "title", "ruby-text"]);
/** More equal cells or spaces than this in a row are no content but an empty stretch of a sheet. */
const MAX_REPEATED = 256;
const MAX_LIST_INDENT = 8;

interface Table {
  readonly rows: string[];
  cells: string[];
  cell: string[];
  repeated: number;
}

/**
 * Collects the blocks of an OpenDocument's content.
 * @see OpenDocument 1.3, part 3, chapters 5 (text), 6 (paragraph elements) and 9 (tables)
 */
export class OpenDocumentWalk implements XmlHandlers {
  readonly #builder: DocumentBuilder;
  readonly #notes: string[] = [];
  readonly #tables: Table[] = [];
  #page: number | undefined;
  /** Text of the paragraph under way; of what stands around a note meanwhile. */
  #text = "";
  readonly #outer: string[] = [];
  #items: string[] = [];
  #listDepth = 0;
  #leftOutDepth = 0;
  #paragraphDepth = 0;
  #level = 1;
  #isTitle = false;
  /** Where the mark of a note begins. */
  #citation = 0;

  constructor(builder: DocumentBuilder, hasPages: boolean) {
    this.#builder = builder;
    this.#page = hasPages ? 1 : undefined;
  }

  readonly open = (name: string, attributes: XmlAttributes): void => {
    if (this.#leftOutDepth > 0 || LEFT_OUT.has(name)) {
      this.#leftOutDepth++;
      return;
    }
    if (name === "p" || name === "h") this.#paragraphDepth++;
    if (name === "h") this.#level = levelOf(attributes["text:outline-level"]);
    else if (name === "s") this.#text += " ".repeat(repeated(attributes["text:c"]));
    else if (name === "tab") this.#text += "\t";
    else if (name === "line-break") this.#text += "\n";
    else if (name === "soft-page-break" && this.#page !== undefined) this.#page++;
    else if (name === "list") this.#listDepth++;
    else if (name === "note-citation") this.#citation = this.#text.length;
    else if (name === "note-body") this.#outer.push(this.#text.trimEnd());
    else if (name === "frame") this.#isTitle = attributes["presentation:class"] === "title";
    else if (name === "page") this.#page = (this.#page ?? 0) + 1;
    else this.#openTable(name, attributes);
    if (name === "note-body") this.#text = "";
  };

  readonly text = (text: string): void => {
    if (this.#leftOutDepth === 0 && this.#paragraphDepth > 0)
      this.#text += text.replace(/\s+/g, " ");
  };

  readonly close = (name: string): void => {
    if (this.#leftOutDepth > 0) {
      this.#leftOutDepth--;
      return;
    }
    if (name === "p" || name === "h") this.#endParagraph(name === "h");
    else if (name === "list") this.#endList();
    else if (name === "note-citation")
      this.#text = `${this.#text.slice(0, this.#citation)}[${this.#text.slice(this.#citation)}]`;
    else if (name === "note-body") this.#endNote();
    else if (name === "frame") this.#isTitle = false;
    else this.#closeTable(name);
  };

  /** Notes come at the end, as in a book. */
  finish(): void {
    for (const [index, note] of this.#notes.entries()) {
      this.#builder.add("paragraph", `[${index + 1}] ${note}`);
    }
  }

  #place() {
    return this.#page === undefined ? {} : { page: this.#page };
  }

  #endParagraph(isHeading: boolean): void {
    this.#paragraphDepth--;
    // A note inside a paragraph has paragraphs of its own.
    if (this.#outer.length > 0) {
      this.#text += " ";
      return;
    }
    const text = this.#text.trim();
    this.#text = "";
    const table = this.#tables.at(-1);
    if (table) table.cell.push(text);
    else if (isHeading || this.#isTitle) {
      const level = this.#isTitle ? 1 : this.#level;
      this.#builder.add("heading", text.replace(/\s+/g, " "), { level, ...this.#place() });
    } else if (this.#listDepth > 0) {
      const indent = "  ".repeat(Math.min(this.#listDepth - 1, MAX_LIST_INDENT));
      if (text !== "") this.#items.push(`${indent}- ${text}`);
    } else this.#builder.add("paragraph", text, this.#place());
  }

  #endList(): void {
    this.#listDepth--;
    if (this.#listDepth > 0) return;
    this.#builder.add("paragraph", this.#items.join("\n"), this.#place());
    this.#items = [];
  }

  #endNote(): void {
    this.#notes.push(this.#text.trim());
    this.#text = this.#outer.pop() ?? "";
  }

  #openTable(name: string, attributes: XmlAttributes): void {
    if (name === "table") {
      const isSheet =
        this.#tables.length === 0 && this.#paragraphDepth === 0 && this.#listDepth === 0;
      const title = attributes["table:name"] ?? "";
      // Writers number the tables of a text; only sheets have names people gave.
      if (
        isSheet &&
        !/^(Table|Tabelle|Tableau)\d+$/.test(title) &&
        attributes["table:style-name"]?.startsWith("ta")
      )
        this.#builder.add("heading", title, { level: 1 });
      this.#tables.push({ rows: [], cells: [], cell: [], repeated: 1 });
    } else if (name === "table-cell" || name === "covered-table-cell") {
      const table = this.#tables.at(-1);
      if (!table) return;
      table.cell = [];
      table.repeated = repeated(attributes["table:number-columns-repeated"]);
    }
  }

  #closeTable(name: string): void {
    const table = this.#tables.at(-1);
    if (!table) return;
    if (name === "table-cell" || name === "covered-table-cell") {
      const text = table.cell.filter((part) => part !== "").join(" ");
      for (let count = 0; count < table.repeated; count++) table.cells.push(text);
      table.cell = [];
    } else if (name === "table-row") {
      const line = tableRow(table.cells);
      table.cells = [];
      if (line !== "") table.rows.push(line);
    } else if (name === "table") {
      this.#tables.pop();
      const outer = this.#tables.at(-1);
      if (outer) outer.cell.push(table.rows.join("; "));
      else this.#builder.add("table", table.rows.join("\n"), this.#place());
    }
  }
}

function repeated(count: string | undefined): number {
  const number = Number(count ?? 1);
  return Number.isInteger(number) && number >= 1 && number <= MAX_REPEATED ? number : 1;
}

/** From 1 to 6, as other formats have them. */
const levelOf = (outline: string | undefined): number =>
  Math.min(6, Math.max(1, Math.trunc(Number(outline)) || 1));
