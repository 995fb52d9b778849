import { type Row, rowText, type Segment } from "./rows.ts";

/** Lines at the edge of pages that come back on this share of them are running heads and page numbers. */
const RUNNING_SHARE = 0.4;
const MIN_RUNNING_PAGES = 3;
const MAX_PAGE_NUMBER_CHARACTERS = 80;
const PAGE_NUMBER = /^\W*(?:page|seite|p\.|-)?\s*(\d{1,4})\s*(?:(?:of|von|\/)\s*\d{1,4})?\W*$/i;

/**
 * Pages without running heads and feet, and without a page's own number at its edge. Of a row of several texts that comes back, such as
 * a table's headings, the first is kept.
 */
export function withoutRunningLines(pages: readonly (readonly Row[])[]): Row[][] {
  const isRunning = runningRows(pages);
  const kept = new Set<string>();
  return pages.map((page, index) => {
    const atEdge = new Set(edges(page));
    return page.filter((row) => {
      if (!atEdge.has(row)) return true;
      // A page that is nothing but a number means it.
      if (page.length > 1 && pageNumber(rowText(row)) === String(index + 1)) {
        return false;
      }
      if (!isRunning(row, index)) return true;
      const texts = row.segments.map(({ text }) => withoutNumbers(text)).filter(hasLetters);
      const name = texts.join("\n");
      if (texts.length < 2 || kept.has(name)) return false;
      kept.add(name);
      return true;
    });
  });
}

/** Whether all that stands in a row stands there on enough other pages: a row of a table shares no more than some of its cells. */
function runningRows(pages: readonly (readonly Row[])[]): (row: Row, page: number) => boolean {
  const counts = new Map<string | undefined, number>();
  for (const [index, page] of pages.entries()) {
    const segments = edges(page).flatMap((row) => row.segments);
    const names = new Set(segments.map((segment) => nameOf(segment, index)));
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  counts.delete(undefined);
  const least = Math.max(MIN_RUNNING_PAGES, pages.length * RUNNING_SHARE);
  return ({ segments }, page) =>
    segments.every((segment) => (counts.get(nameOf(segment, page)) ?? 0) >= least);
}

function edges(page: readonly Row[]): Row[] {
  return [...edge(page), ...edge([...page].reverse())];
}

/** The outermost rows; a second one only where it stands closer to the first than to the text. */
function edge([first, second, third]: readonly Row[]): Row[] {
  if (!first) return [];
  const distance = (a: Row, b: Row) => Math.abs(a.y - b.y);
  const isClose = second && third && distance(first, second) < distance(second, third);
  return isClose ? [first, second] : [first];
}

/** Where it stands and what it says, whatever the numbers in it; of numbers alone only those that count the pages have a name. */
function nameOf({ y, text }: Segment, page: number): string | undefined {
  const place = Math.round(y / 4);
  if (hasLetters(text)) return `${place}:${withoutNumbers(text)}`;
  const number = pageNumber(text);
  return number === undefined ? undefined : `${place}:page + ${Number(number) - page}`;
}

const pageNumber = (text: string): string | undefined =>
  text.length > MAX_PAGE_NUMBER_CHARACTERS ? undefined : PAGE_NUMBER.exec(text)?.[1];

const hasLetters = (text: string): boolean => /\p{L}/u.test(text);

const withoutNumbers = (text: string): string => text.replace(/\d+/g, "#").trim();
