import type { DocumentBuilder } from "./document-builder.ts";
import { tableRow } from "./table-text.ts";

type Part = "body" | "header" | "footer" | "note";

interface Piece {
  readonly kind: "paragraph" | "heading" | "table";
  readonly text: string;
  readonly level?: number;
}

/** Text of an RTF document as it comes in; laid out at the end. */
export class RtfText {
  /** Whether the paragraph under way belongs to a table, and of which level it is as a heading. */
  isInTable = false;
  level: number | undefined;
  readonly #lines: Record<Part, string> = { body: "", header: "", footer: "", note: "" };
  readonly #pieces: Piece[] = [];
  readonly #headers = new Set<string>();
  readonly #footers = new Set<string>();
  readonly #notes: string[] = [];
  #cell: string[] = [];
  #cells: string[] = [];
  #rows: string[] = [];

  append(text: string, part: Part): void {
    this.#lines[part] += text;
  }

  resetParagraph(): void {
    this.isInTable = false;
    this.level = undefined;
  }

  /** Marks where a note belongs; its text follows. */
  beginNote(): void {
    const mark = `[${this.#notes.length + 1}]`;
    if (!this.#lines.body.endsWith(mark)) this.#lines.body += mark;
    this.#notes.push("");
  }

  markNote(part: Part): void {
    if (part === "body") this.#lines.body += `[${this.#notes.length + 1}]`;
  }

  endParagraph(part: Part): void {
    const text = this.#lines[part].replace(/[ \t\u00a0]+/g, " ").trim();
    this.#lines[part] = "";
    if (text === "") return;
    if (part === "header") this.#headers.add(text);
    else if (part === "footer") this.#footers.add(text);
    else if (part === "note") this.#notes[this.#notes.length - 1] += ` ${text}`;
    else if (this.isInTable) this.#cell.push(text);
    else this.#addPiece(text);
  }

  endCell(): void {
    this.isInTable = true;
    this.endParagraph("body");
    this.#cells.push(this.#cell.join(" "));
    this.#cell = [];
  }

  endRow(): void {
    const line = tableRow(this.#cells);
    this.#cells = [];
    if (line !== "") this.#rows.push(line);
  }

  addTo(builder: DocumentBuilder): void {
    this.endParagraph("body");
    this.#endTable();
    const running = (texts: ReadonlySet<string>) =>
      // A page number alone is no text.
      [...texts].filter((text) => /\p{L}{2}/u.test(text)).join("\n");
    builder.add("paragraph", running(this.#headers));
    for (const { kind, text, level } of this.#pieces) {
      builder.add(kind, text, level === undefined ? {} : { level });
    }
    for (const [index, note] of this.#notes.entries()) {
      builder.add("paragraph", `[${index + 1}] ${note.trim()}`);
    }
    builder.add("paragraph", running(this.#footers));
  }

  #addPiece(text: string): void {
    this.#endTable();
    if (this.level !== undefined) {
      this.#pieces.push({
        kind: "heading",
        text: text.replace(/\s+/g, " "),
        level: Math.min(this.level, 6),
      });
      return;
    }
    const last = this.#pieces.at(-1);
    // The items of a list are one paragraph, as in other formats.
    if (last?.kind === "paragraph" && isItem(text) && isItem(lastLine(last.text))) {
      this.#pieces[this.#pieces.length - 1] = { ...last, text: `${last.text}\n${text}` };
    } else this.#pieces.push({ kind: "paragraph", text });
  }

  #endTable(): void {
    if (this.#cells.length > 0) this.endRow();
    if (this.#rows.length > 0) this.#pieces.push({ kind: "table", text: this.#rows.join("\n") });
    this.#rows = [];
  }
}

const isItem = (line: string) => /^([•·▪◦o*–-]|\(?\w{1,3}[.)])\s/.test(line);
const lastLine = (text: string) => text.slice(text.lastIndexOf("\n") + 1);
