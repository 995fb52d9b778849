import { RagError } from "../../core/index.ts";
import {
  type Block,
  type BlockKind,
  MAX_TEXT_CHARACTERS,
  type ParsedDocument,
} from "./parsed-document.ts";

const SEPARATOR = "\n\n";

/** Puts a document together block by block, for formats whose own text is not shown to people. */
export class DocumentBuilder {
  readonly #parts: string[] = [];
  readonly #blocks: Block[] = [];
  #length = 0;
  #isInSection = false;

  /** Adds a block; empty text is left out. @throws RagError file/too-large */
  add(
    kind: BlockKind,
    text: string,
    place: { readonly level?: number; readonly page?: number } = {},
  ): void {
    const trimmed = kind === "code" ? text.replace(/^\n+/, "").trimEnd() : text.trim();
    if (trimmed === "") return;
    const start = this.#length === 0 ? 0 : this.#length + SEPARATOR.length;
    this.#length = start + trimmed.length;
    if (this.#length > MAX_TEXT_CHARACTERS) {
      throw new RagError(
        "file/too-large",
        `holds more than ${MAX_TEXT_CHARACTERS} characters of text; split it.`,
      );
    }
    if (kind === "heading") this.#isInSection = true;
    this.#parts.push(trimmed);
    this.#blocks.push({ kind, start, end: this.#length, ...place });
  }

  /** What follows stands under no heading. */
  endSection(place: { readonly page?: number } = {}): void {
    if (!this.#isInSection) return;
    this.#isInSection = false;
    const end = this.#length;
    this.#blocks.push({ kind: "heading", start: end, end, level: 1, ...place });
  }

  /** `title`: the document's own; without one the first top heading is taken. */
  finish(title = ""): ParsedDocument {
    const text = this.#parts.join(SEPARATOR);
    const first = this.#blocks.find(({ level, start, end }) => level === 1 && start < end);
    return {
      title: title.trim() || (first ? text.slice(first.start, first.end) : ""),
      text,
      blocks: this.#blocks,
    };
  }
}
