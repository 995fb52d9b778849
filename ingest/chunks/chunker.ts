import type { NewChunk } from "../../retriever/index.ts";
import { headingText } from "../readers/markdown.ts";
import type { Block, ParsedDocument } from "../readers/parsed-document.ts";
import { splitBlock } from "./split-block.ts";

export interface ChunkSizes {
  /** Tokens after which a chunk ends at the next border. */
  readonly targetTokens: number;
  /** Tokens no chunk exceeds. */
  readonly maxTokens: number;
  /** A chunk smaller than this goes on over the next heading. */
  readonly minTokens: number;
}

/** Passages of about a hundred words: enough to answer from, few enough that three of them fill a small model's attention. */
export const CHUNK_SIZES: ChunkSizes = { targetTokens: 180, maxTokens: 240, minTokens: 60 };

/** The part of a block that goes into a chunk whole. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly tokens: number;
}

interface Draft {
  start: number;
  end: number;
  tokens: number;
  readonly heading: readonly string[];
  readonly page: number | undefined;
}

/**
 * Cuts a document at the borders of paragraphs, and of sentences where a paragraph is too long. A heading begins a new chunk and is
 * kept as the chunk's heading path; the chunk's text is the document's from `start` to `end`, to the character.
 * `countTokens`: of the embedder, whose input a chunk becomes.
 */
export function chunkDocument(
  document: ParsedDocument,
  countTokens: (text: string) => number,
  sizes: ChunkSizes = CHUNK_SIZES,
): NewChunk[] {
  const chunker = new Chunker(document, countTokens, sizes);
  for (const block of document.blocks) chunker.add(block);
  return chunker.finish();
}

class Chunker {
  readonly #text: string;
  readonly #countTokens: (text: string) => number;
  readonly #sizes: ChunkSizes;
  readonly #done: Draft[] = [];
  /** Headings above the next block, by level. */
  #path: { level: number; text: string }[] = [];
  #draft: Draft | undefined;

  constructor(document: ParsedDocument, countTokens: (text: string) => number, sizes: ChunkSizes) {
    this.#text = document.text;
    this.#countTokens = countTokens;
    this.#sizes = sizes;
  }

  add(block: Block): void {
    if (block.kind === "heading") {
      this.#enterSection(block);
      return;
    }
    for (const piece of splitBlock(this.#text, block, this.#countTokens, this.#sizes.maxTokens)) {
      this.#addPiece(piece, block.page);
    }
  }

  finish(): NewChunk[] {
    this.#endDraft();
    // A document of headings only is still a document.
    if (this.#done.length === 0) this.#addHeadings();
    return this.#done.map(({ start, end, heading, page }) => ({
      start,
      end,
      heading,
      ...(page === undefined ? {} : { page }),
      text: this.#text.slice(start, end),
    }));
  }

  #enterSection({ start, end, level = 1 }: Block): void {
    if ((this.#draft?.tokens ?? 0) >= this.#sizes.minTokens) this.#endDraft();
    this.#path = this.#path.filter((heading) => heading.level < level);
    this.#path.push({ level, text: headingText(this.#text.slice(start, end)) });
  }

  #addPiece(piece: Piece, page: number | undefined): void {
    const { targetTokens, maxTokens } = this.#sizes;
    const draft = this.#draft;
    // What lies between (a heading that was passed over) counts as well.
    const grown = draft ? this.#countTokens(this.#text.slice(draft.end, piece.end)) : 0;
    if (draft && (draft.tokens >= targetTokens || draft.tokens + grown > maxTokens))
      this.#endDraft();
    if (this.#draft) {
      this.#draft.end = piece.end;
      this.#draft.tokens += grown;
    } else {
      const heading = this.#path.map(({ text }) => text).filter((text) => text !== "");
      this.#draft = { ...piece, heading, page };
    }
  }

  #endDraft(): void {
    if (this.#draft) this.#done.push(this.#draft);
    this.#draft = undefined;
  }

  #addHeadings(): void {
    const end = this.#text.trimEnd().length;
    for (const piece of splitBlock(
      this.#text,
      { kind: "paragraph", start: 0, end },
      this.#countTokens,
      this.#sizes.maxTokens,
    )) {
      this.#done.push({ ...piece, heading: [], page: undefined });
    }
  }
}
