import type { DocumentBuilder } from "./document-builder.ts";
import { type PageBreakStyles, PageCount } from "./open-document-pages.ts";
import type { BlockKind } from "./parsed-document.ts";
import { addSlide, type SlideBlock } from "./slide.ts";
import { tableRow } from "./table-text.ts";
import type { WrittenTag, XmlAttributes, XmlHandlers } from "./xml.ts";

/** Comments, and text that was deleted while changes were tracked. */
const LEFT_OUT = new Set(["annotation", "tracked-changes", "forms", "desc", "ruby-text"]);
/** A picture's; text:title is a field that shows the document's. */
const PICTURE_TITLE = "svg:title";
/** Drawings: what they hold stands beside the text's flow from page to page. */
const DRAWN = new Set(
  "frame custom-shape rect ellipse circle line polyline polygon regular-polygon path connector caption measure control g".split(
    " ",
  ),
);
/** More equal cells or spaces than this in a row are no content but an empty stretch of a sheet. */
const MAX_REPEATED = 256;
const MAX_LIST_INDENT = 8;

interface Table {
  readonly rows: string[];
  cells: string[];
  cell: string[];
  repeated: number;
  /** Where the row under way begins, and the last page that a cell of it has come to. */
  rowPage: number | undefined;
  lastPage: number | undefined;
}

interface Note {
  /** As it stands in the text: "1", "iv", "*". */
  readonly mark: string;
  readonly text: string;
}

/**
 * Collects the blocks of an OpenDocument's content.
 * @see OpenDocument 1.3, part 3, chapters 5 (text), 6 (paragraph elements) and 9 (tables)
 */
export class OpenDocumentWalk implements XmlHandlers {
  readonly #builder: DocumentBuilder;
  readonly #styles: PageBreakStyles;
  readonly #pages: PageCount;
  readonly #notes: Note[] = [];
  readonly #tables: Table[] = [];
  /** Page of the first text of the block under way. */
  #firstPage: number | undefined;
  /** Text of the paragraph under way; of what stands around a note meanwhile. */
  #text = "";
  readonly #outer: string[] = [];
  #items: string[] = [];
  #listDepth = 0;
  #leftOutDepth = 0;
  #paragraphDepth = 0;
  #drawnDepth = 0;
  #level = 1;
  #isTitle = false;
  /** Blocks of the slide under way, in the order they are drawn. */
  #slide: SlideBlock[] | undefined;
  /** Where the mark of a note begins, and the mark. */
  #citation = 0;
  #mark = "";

  /** `styles`: the document's common ones; those of its content are added. `hasPages`: whether the content tells its pages. */
  constructor(builder: DocumentBuilder, styles: PageBreakStyles, hasPages: boolean) {
    this.#builder = builder;
    this.#styles = styles;
    this.#pages = new PageCount(hasPages);
  }

  readonly open = (name: string, attributes: XmlAttributes, written: WrittenTag): void => {
    if (this.#leftOutDepth > 0 || LEFT_OUT.has(name) || written.name === PICTURE_TITLE) {
      this.#leftOutDepth++;
      return;
    }
    this.#styles.open(name, attributes);
    this.#followPages(name, attributes);
    if (name === "p" || name === "h") this.#paragraphDepth++;
    if (name === "page") this.#slide = [];
    if (name === "h") this.#level = levelOf(attributes["text:outline-level"]);
    else if (name === "s") this.#text += " ".repeat(repeated(attributes["text:c"]));
    else if (name === "tab") this.#text += "\t";
    else if (name === "line-break") this.#text += "\n";
    else if (name === "list") this.#listDepth++;
    else if (name === "note-citation") this.#citation = this.#text.length;
    else if (name === "note-body") this.#outer.push(this.#text.trimEnd());
    else if (name === "frame") this.#isTitle = attributes["presentation:class"] === "title";
    else this.#openTable(name, attributes);
    if (name === "note-body") this.#text = "";
  };

  readonly text = (text: string): void => {
    if (this.#leftOutDepth > 0 || this.#paragraphDepth === 0) return;
    this.#text += text.replace(/\s+/g, " ");
    if (text.trim() === "") return;
    this.#firstPage ??= this.#pages.page;
    if (this.#isInFlow()) this.#pages.fill();
  };

  readonly close = (name: string): void => {
    if (this.#leftOutDepth > 0) {
      this.#leftOutDepth--;
      return;
    }
    this.#styles.close(name);
    if (DRAWN.has(name)) this.#drawnDepth--;
    if (name === "p" || name === "h") this.#endParagraph(name === "h");
    else if (name === "list") this.#endList();
    else if (name === "note-citation") this.#endCitation();
    else if (name === "note-body") this.#endNote();
    else if (name === "frame") this.#isTitle = false;
    else if (name === "page") this.#endSlide();
    else this.#closeTable(name);
  };

  /** Notes come at the end, as in a book. */
  finish(): void {
    for (const { mark, text } of this.#notes) this.#builder.add("paragraph", `[${mark}] ${text}`);
  }

  /** Of the block that has ended: the page on which its text began. */
  #place() {
    const page = this.#firstPage ?? this.#pages.page;
    this.#firstPage = undefined;
    return page === undefined ? {} : { page };
  }

  /** Whether what stands here moves the text after it to further pages. */
  #isInFlow(): boolean {
    return this.#drawnDepth === 0 && this.#outer.length === 0;
  }

  #followPages(name: string, attributes: XmlAttributes): void {
    const isBlock = this.#isInFlow() && this.#tables.length === 0;
    if (name === "soft-page-break") this.#pages.softBreak();
    else if (name === "page") this.#pages.page = (this.#pages.page ?? 0) + 1;
    else if (isBlock && (name === "p" || name === "h")) {
      this.#pages.beginBlock(this.#styles.breaksOf("paragraph", attributes["text:style-name"]));
    } else if (isBlock && name === "table") {
      this.#pages.beginBlock(this.#styles.breaksOf("table", attributes["table:style-name"]));
    } else if (DRAWN.has(name)) {
      if (this.#isInFlow() && this.#paragraphDepth > 0) this.#pages.fill();
      this.#drawnDepth++;
    }
  }

  #endParagraph(isHeading: boolean): void {
    this.#paragraphDepth--;
    if (this.#isInFlow()) this.#pages.fill();
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
      this.#add("heading", text.replace(/\s+/g, " "), level);
    } else if (this.#listDepth > 0) {
      const indent = "  ".repeat(Math.min(this.#listDepth - 1, MAX_LIST_INDENT));
      if (text !== "") this.#items.push(`${indent}- ${text}`);
    } else this.#add("paragraph", text);
  }

  #add(kind: BlockKind, text: string, level?: number): void {
    const place = this.#place();
    const own = level === undefined ? {} : { level };
    if (!this.#slide) this.#builder.add(kind, text, { ...own, ...place });
    else if (text.trim() !== "") {
      this.#slide.push({ kind, text, ...own, isTitle: this.#isTitle });
    }
  }

  #endSlide(): void {
    if (this.#slide) addSlide(this.#builder, this.#slide, this.#place());
    this.#slide = undefined;
  }

  #endList(): void {
    this.#listDepth--;
    if (this.#listDepth > 0) return;
    this.#add("paragraph", this.#items.join("\n"));
    this.#items = [];
  }

  #endCitation(): void {
    this.#mark = this.#text.slice(this.#citation).trim() || String(this.#notes.length + 1);
    this.#text = `${this.#text.slice(0, this.#citation)}[${this.#mark}]`;
  }

  #endNote(): void {
    this.#notes.push({ mark: this.#mark, text: this.#text.trim() });
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
      const { page } = this.#pages;
      this.#tables.push({
        rows: [],
        cells: [],
        cell: [],
        repeated: 1,
        rowPage: page,
        lastPage: page,
      });
    } else if (name === "table-row") {
      const table = this.#tables.at(-1);
      if (!table) return;
      table.rowPage = this.#pages.page;
      table.lastPage = this.#pages.page;
    } else if (name === "table-cell" || name === "covered-table-cell") {
      const table = this.#tables.at(-1);
      if (!table) return;
      table.cell = [];
      table.repeated = repeated(attributes["table:number-columns-repeated"]);
      // Where a row is split, each of its cells has the break.
      this.#pages.page = table.rowPage;
    }
  }

  #closeTable(name: string): void {
    const table = this.#tables.at(-1);
    if (!table) return;
    if (name === "table-cell" || name === "covered-table-cell") {
      const text = table.cell.filter((part) => part !== "").join(" ");
      for (let count = 0; count < table.repeated; count++) table.cells.push(text);
      table.cell = [];
      if ((this.#pages.page ?? 0) > (table.lastPage ?? 0)) table.lastPage = this.#pages.page;
    } else if (name === "table-row") {
      this.#pages.page = table.lastPage;
      const line = tableRow(table.cells);
      table.cells = [];
      if (line !== "") table.rows.push(line);
    } else if (name === "table") {
      this.#tables.pop();
      const outer = this.#tables.at(-1);
      if (outer) outer.cell.push(table.rows.join("; "));
      else this.#add("table", table.rows.join("\n"));
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
