import { RagError } from "../../core/index.ts";
import type { NewChunk } from "../../retriever/index.ts";
import type { TextSplitter } from "../loaders/loaded-document.ts";
import type { ParsedDocument } from "../readers/parsed-document.ts";
import { shortTitle } from "../readers/short-title.ts";
import { headingWords } from "./heading-words.ts";
import { splitBlock } from "./split-block.ts";

/**
 * Cuts a document with a LangChain text splitter. Each piece is found again in the document, white space aside, so that a chunk's text is the
 * document's from `start` to `end`; pieces may overlap. A piece of more than `maxTokens`, whose end the embedder would not read, is cut at
 * sentences.
 * @throws RagError request/unsupported when a piece is no part of the text (a splitter that rewrites what it cuts)
 */
export async function splitWith(
  splitter: TextSplitter,
  document: ParsedDocument,
  {
    countTokens,
    maxTokens,
  }: {
    readonly countTokens: (text: string) => number;
    readonly maxTokens: number;
  },
): Promise<NewChunk[]> {
  const { text } = document;
  const places = new Places(document);
  const locator = new PieceLocator(text);
  const chunks: NewChunk[] = [];
  for (const piece of await splitter.splitText(text)) {
    const range = locator.locate(piece);
    if (!range) continue;
    for (const { start, end } of splitBlock(
      text,
      { kind: "paragraph", ...range },
      countTokens,
      maxTokens,
    )) {
      chunks.push({ start, end, ...places.at(start), text: text.slice(start, end) });
    }
  }
  return chunks;
}

/** Finds pieces one after the other in a text, comparing all characters but white space. */
class PieceLocator {
  /** The text without white space, and where each of its characters stands. */
  readonly #solid: string;
  readonly #offsets: Uint32Array;
  #start = -1;
  #end = 0;
  #count = 0;

  constructor(text: string) {
    this.#solid = withoutSpace(text);
    this.#offsets = new Uint32Array(this.#solid.length);
    let count = 0;
    for (const { index, 0: run } of text.matchAll(/\S+/g)) {
      for (let at = 0; at < run.length; at++) this.#offsets[count++] = index + at;
    }
  }

  /** The next piece's range; nothing for one of white space only. */
  locate(piece: string): { readonly start: number; readonly end: number } | undefined {
    this.#count++;
    const wanted = withoutSpace(piece);
    if (wanted === "") return undefined;
    const isNext = this.#solid.startsWith(wanted, this.#end);
    const at = isNext ? this.#end : this.#solid.indexOf(wanted, this.#start + 1);
    if (at < 0) throw strangePiece(this.#count);
    this.#start = at;
    this.#end = at + wanted.length;
    return { start: this.#offsets[at]!, end: this.#offsets[this.#end - 1]! + 1 };
  }
}

const withoutSpace = (text: string): string => text.replace(/\s+/g, "");

const strangePiece = (count: number): RagError =>
  new RagError(
    "request/unsupported",
    `splitter: piece ${count} is not in the document's text where it should be, so no citation could show it; use a splitter that only cuts.`,
  );

interface Place {
  readonly heading: readonly string[];
  readonly page?: number;
}

/** Tells page and headings of what stands at an offset. */
class Places {
  readonly #starts: readonly number[];
  readonly #places: readonly Place[];

  constructor({ text, blocks }: ParsedDocument) {
    this.#starts = blocks.map(({ start }) => start);
    const path: { readonly level: number; readonly title: string }[] = [];
    this.#places = blocks.map((block) => {
      const { kind, level = 1, page } = block;
      if (kind === "heading") {
        while (path.length > 0 && path.at(-1)!.level >= level) path.pop();
        path.push({ level, title: shortTitle(headingWords(text, block)) });
      }
      const heading = path.map(({ title }) => title).filter((title) => title !== "");
      return { heading, ...(page === undefined ? {} : { page }) };
    });
  }

  at(offset: number): Place {
    let [low, high] = [0, this.#starts.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= offset) low = middle + 1;
      else high = middle;
    }
    return this.#places[low - 1] ?? { heading: [] };
  }
}
