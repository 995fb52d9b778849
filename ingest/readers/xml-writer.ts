import { RagError } from "../../core/index.ts";
import type { WrittenTag } from "./xml.ts";
import { MAX_UNPACKED_BYTES } from "./zip.ts";

/** Characters that are kept as a string before they become bytes. */
const PIECE_CHARACTERS = 2 ** 16;

/** Puts an XML file together, in UTF-8. */
export class XmlWriter {
  readonly #pieces: Buffer[] = [];
  #piece = "";
  #bytes = 0;

  open({ name, attributes }: WrittenTag): void {
    const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
    this.#add(`<${name}${written.join("")}>`);
  }

  close(name: string): void {
    this.#add(`</${name}>`);
  }

  text(text: string): void {
    this.#add(escaped(text));
  }

  /** What has been written. */
  finish(): Uint8Array {
    this.#endPiece();
    return Buffer.concat(this.#pieces);
  }

  /** @throws RagError file/too-large */
  #add(markup: string): void {
    this.#piece += markup;
    if (this.#piece.length >= PIECE_CHARACTERS) this.#endPiece();
  }

  #endPiece(): void {
    const bytes = Buffer.from(this.#piece);
    this.#piece = "";
    this.#bytes += bytes.length;
    if (this.#bytes > MAX_UNPACKED_BYTES) {
      throw new RagError(
        "file/too-large",
        `holds a part of more than ${MAX_UNPACKED_BYTES} bytes.`,
      );
    }
    this.#pieces.push(bytes);
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "\t": "&#9;",
  "\n": "&#10;",
  "\r": "&#13;",
};

/** As it may stand between tags and in attributes alike. */
const escaped = (text: string) =>
  text.replace(/[&<>"\t\n\r]/g, (character) => ENTITIES[character]!);
