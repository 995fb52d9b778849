import { type Row, rowText, type Segment } from "./rows.ts";

/** Lines at the edge of pages that come back on this share of them are running heads and page numbers. */
const RUNNING_SHARE = 0.4;
const MIN_RUNNING_PAGES = 3;
const PAGE_NUMBER = /^\W*(?:page|seite|p\.|-)?\s*(\d{1,4})\s*(?:(?:of|von|\/)\s*\d{1,4})?\W*$/i;

/** Pages without running heads and feet, and without a page's own number at its edge. */
export function withoutRunningLines(pages: readonly (readonly Row[])[]): Row[][] {
  const counts = new Map<string, number>();
  for (const page of pages) {
    const names = edges(page).flatMap(({ segments }) => segments.map(nameOf));
    for (const name of new Set(names)) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const least = Math.max(MIN_RUNNING_PAGES, pages.length * RUNNING_SHARE);
  const isRunning = (segment: Segment) => (counts.get(nameOf(segment)) ?? 0) >= least;
  return pages.map((page, index) => {
    const atEdge = new Set(edges(page));
    return page.flatMap((row) => {
      if (!atEdge.has(row)) return [row];
      // A page that is nothing but a number means it.
      if (page.length > 1 && PAGE_NUMBER.exec(rowText(row))?.[1] === String(index + 1)) return [];
      const segments = row.segments.filter((segment) => !isRunning(segment));
      return segments.length === 0 ? [] : [{ ...row, segments }];
    });
  });
}

function edges(page: readonly Row[]): Row[] {
  return [...edge(page), ...edge([...page].reverse())];
}

/** The outermost rows; a second one only where it stands closer to the first than to the text. */
function edge([first, second, third]: readonly Row[]): Row[] {
  if (!first) return [];
  const distance = (a: Row, b: Row) => Math.abs(a.y - b.y);
  const isClose = second && third && distance(first, second) <= distance(second, third);
  return isClose ? [first, second] : [first];
}

/** Where it stands and what it says, whatever the numbers in it. */
const nameOf = ({ y, text }: Segment): string =>
  `${Math.round(y / 4)}:${text.replace(/\d+/g, "#").trim()}`;
