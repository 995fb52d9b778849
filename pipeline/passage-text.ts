import type { Passage } from "./passage.ts";
import { plainText } from "./plain-text.ts";

const SHOWN_CHARACTERS = 160;

/** Where a passage stands, in one plain line: source, page, character range. */
export function describePassage(passage: Passage): string {
  const { page, start, end } = passage;
  const [source, title] = [plainText(passage.source), plainText(passage.title)];
  const place = [page === undefined ? "" : `page ${page}`, `characters ${start}-${end}`]
    .filter((part) => part !== "")
    .join(", ");
  return title && title !== source ? `${source} "${title}" (${place})` : `${source} (${place})`;
}

/** The beginning of a text on one plain line. */
export function excerpt(text: string): string {
  const line = plainText(text.replace(/\s+/g, " ").trim());
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS - 1)}…`;
}

/** "1 passage", "3 passages". */
export const countedPassages = (count: number): string =>
  count === 1 ? "1 passage" : `${count} passages`;
