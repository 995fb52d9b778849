/** What a piece of a document is; the chunker treats them differently. An empty heading ends the sections above it. */
export type BlockKind = "heading" | "paragraph" | "table" | "code";

/** A piece of a document's text: UTF-16 offsets, end exclusive. Blocks rise and do not overlap. */
export interface Block {
  readonly kind: BlockKind;
  readonly start: number;
  readonly end: number;
  /** Of a heading, from 1 (outermost) to 6. */
  readonly level?: number;
  /** Of a heading whose text has marks of its format: what it says without them. */
  readonly words?: string;
  /** From 1, in formats that have pages. */
  readonly page?: number;
}

/** A document as a reader hands it over. */
export interface ParsedDocument {
  /** "" where the document names none. See shortTitle for its length. */
  readonly title: string;
  readonly text: string;
  readonly blocks: readonly Block[];
}

/** The longest text that is taken from one document, in UTF-16 units: some 5,000 book pages. */
export const MAX_TEXT_CHARACTERS = 16_000_000;
