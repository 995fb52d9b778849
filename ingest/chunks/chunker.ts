import type { NewChunk } from "../../retriever/index.ts";
import type { Block, ParsedDocument } from "../readers/parsed-document.ts";
import { shortTitle } from "../readers/short-title.ts";
import { trimEndOf } from "../readers/trim-end.ts";
import { headingWords } from "./heading-words.ts";
import { isShortEnough, sentenceStarts, splitBlock } from "./split-block.ts";

export interface ChunkSizes {
  /** Tokens after which a chunk ends at the next border. */
  readonly targetTokens: number;
  /** Tokens no chunk exceeds, nor eight times as many characters. */
  readonly maxTokens: number;
  /** A chunk smaller than this goes on over the next heading. */
  readonly minTokens: number;
  /** A chunk that ends within a section is begun again by the next one for up to so many tokens, from the border of a sentence. */
  readonly overlapTokens: number;
}

/** Passages of about a hundred words: enough to answer from, few enough that three of them fill a small model's attention. */
export const CHUNK_SIZES: ChunkSizes = {
  targetTokens: 180,
  maxTokens: 240,
  minTokens: 60,
  overlapTokens: 0,
};

/** What the default embedder reads, 256 tokens less its two marks: a chunk of the usual size and its heading. */
const USUAL_READING = 254;

/** The usual sizes, smaller for an embedder that reads less: what it cuts off is not found. `maxTokens`: the longest text it reads. */
export function chunkSizesFor(maxTokens: number): ChunkSizes {
  const share = Math.min(1, maxTokens / USUAL_READING);
  const { targetTokens, maxTokens: most, minTokens, overlapTokens } = CHUNK_SIZES;
  const scaled = (tokens: number) => Math.max(1, Math.floor(tokens * share));
  return {
    targetTokens: scaled(targetTokens),
    maxTokens: scaled(most),
    minTokens: scaled(minTokens),
    overlapTokens,
  };
}

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
  /** Of the block it ends with. */
  last: Block;
  /** Tokens of the table's head that its heading repeats. */
  readonly headTokens: number;
}

/** What stands below a heading, up to the next one of its level. */
interface Section {
  readonly heading: Block;
  readonly level: number;
  /** As passages repeat it. */
  readonly title: string;
  /** Whether a passage has it among its headings, or in its text. */
  isRead: boolean;
}

interface TableHead {
  readonly text: string;
  readonly end: number;
  readonly tokens: number;
}

/** A table's head is repeated if it takes at most this share of a chunk. */
const MAX_HEAD_SHARE = 0.25;

/**
 * Cuts a document at the borders of paragraphs, and of sentences where a paragraph is too long. A heading begins a new chunk and is
 * kept as the chunk's heading path (of one that is too long, the beginning; it is a paragraph as well, and so is one with nothing below it); the chunk's text is the document's from `start` to `end`, to the character. A table stays whole if it fits;
 * else it is cut between rows, and its first row ends the heading path of the parts that lack it.
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
  /** Headings above the next block, outermost first. */
  readonly #path: Section[] = [];
  #draft: Draft | undefined;

  constructor(document: ParsedDocument, countTokens: (text: string) => number, sizes: ChunkSizes) {
    this.#text = document.text;
    this.#countTokens = countTokens;
    this.#sizes = sizes;
  }

  add(block: Block): void {
    if (block.kind === "heading") {
      const whole = headingWords(this.#text, block);
      const title = shortTitle(whole);
      this.#enterSection(block, title);
      // Passages repeat a part of it only: the whole is read once, as a paragraph.
      if (title !== whole) this.add({ ...block, kind: "paragraph" });
      return;
    }
    const head = block.kind === "table" ? this.#headOf(block) : undefined;
    const most = this.#sizes.maxTokens - (head?.tokens ?? 0);
    const mayFit = head && isShortEnough(block.end - block.start, this.#sizes.maxTokens);
    const tokens = mayFit
      ? this.#countTokens(this.#text.slice(block.start, block.end))
      : Number.POSITIVE_INFINITY;
    const pieces =
      tokens <= this.#sizes.maxTokens
        ? [{ start: block.start, end: block.end, tokens }]
        : splitBlock(this.#text, block, this.#countTokens, most);
    for (const piece of pieces) this.#addPiece(piece, block, head);
  }

  finish(): NewChunk[] {
    this.#leaveSections(1);
    this.#endDraft();
    return this.#done.map(({ start, end, heading, page }) => ({
      start,
      end,
      heading,
      ...(page === undefined ? {} : { page }),
      text: this.#text.slice(start, end),
    }));
  }

  #enterSection(heading: Block, title: string): void {
    const { level = 1 } = heading;
    this.#leaveSections(level);
    if ((this.#draft?.tokens ?? 0) >= this.#sizes.minTokens) this.#endDraft();
    this.#path.push({ heading, level, title, isRead: false });
  }

  /** Ends the sections down from a level. A heading with nothing below it is in no passage yet: it is read as a paragraph. */
  #leaveSections(level: number): void {
    for (let last = this.#path.at(-1); last && last.level >= level; last = this.#path.at(-1)) {
      this.#path.pop();
      if (!last.isRead) this.add({ ...last.heading, kind: "paragraph" });
    }
  }

  #addPiece(piece: Piece, block: Block, head: TableHead | undefined): void {
    const { targetTokens, maxTokens } = this.#sizes;
    const draft = this.#draft;
    for (const section of this.#path) section.isRead = true;
    // What lies between (a heading that was passed over) counts as well.
    const grown = draft ? this.#countTokens(this.#text.slice(draft.end, piece.end)) : 0;
    const most = maxTokens - (draft?.headTokens ?? 0);
    if (draft) {
      const fits =
        draft.tokens + grown <= most && isShortEnough(piece.end - draft.start, maxTokens);
      if (draft.tokens >= targetTokens || !fits) this.#endDraft();
    }
    if (this.#draft) {
      this.#draft.end = piece.end;
      this.#draft.tokens += grown;
      this.#draft.last = block;
    } else this.#draft = this.#begin(piece, { block, head, before: draft });
  }

  #begin(
    piece: Piece,
    from: {
      readonly block: Block;
      readonly head: TableHead | undefined;
      readonly before: Draft | undefined;
    },
  ): Draft {
    const { block, before } = from;
    const head = from.head && piece.start >= from.head.end ? from.head : undefined;
    const path = this.#path.map(({ title }) => title).filter((title) => title !== "");
    const heading = head ? [...path, head.text] : path;
    const own = { heading, last: block, headTokens: head?.tokens ?? 0 };
    const { start, end, tokens } = piece;
    const earlier = before ? this.#overlapStart(before, piece, block) : undefined;
    if (earlier === undefined || !before) return { ...own, start, end, tokens, page: block.page };
    const page = earlier < before.last.start ? before.page : before.last.page;
    const all = this.#countTokens(this.#text.slice(earlier, end));
    return { ...own, start: earlier, end, tokens: all, page };
  }

  /** Where the last sentences of a chunk begin that the next one repeats; none for tables and code. */
  #overlapStart(before: Draft, piece: Piece, block: Block): number | undefined {
    const { overlapTokens, maxTokens } = this.#sizes;
    const areText = block.kind === "paragraph" && before.last.kind === "paragraph";
    if (overlapTokens === 0 || !areText) return undefined;
    const fits = (start: number) =>
      isShortEnough(piece.end - start, maxTokens) &&
      this.#countTokens(this.#text.slice(start, before.end)) <= overlapTokens &&
      this.#countTokens(this.#text.slice(start, piece.end)) <= maxTokens;
    return sentenceStarts(this.#text, before).find((start) => start > before.start && fits(start));
  }

  #headOf({ start, end }: Block): TableHead | undefined {
    const row = this.#text.slice(start, end).split("\n", 1)[0]!;
    const text = trimEndOf(row.replace(/^[\s|]+/, ""), /[\s|]/);
    const most = MAX_HEAD_SHARE * this.#sizes.maxTokens;
    if (text === "" || !isShortEnough(text.length, most)) return undefined;
    const tokens = this.#countTokens(text);
    return tokens <= most ? { text, end: start + row.length, tokens } : undefined;
  }

  #endDraft(): void {
    if (this.#draft) this.#done.push(this.#draft);
    this.#draft = undefined;
  }
}
