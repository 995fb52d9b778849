import type { Block } from "../readers/parsed-document.ts";

/** What a heading of a document's text says, on one line. */
export const headingWords = (text: string, { words, start, end }: Block): string =>
  (words ?? text.slice(start, end)).replace(/\s+/g, " ").trim();
