import type { DocumentBuilder } from "./document-builder.ts";

/** A run of text where the page shows it; points, y upwards. */
export interface TextItem {
  readonly str: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly fontSize: number;
  readonly hasEOL: boolean;
}

interface TextLine {
  text: string;
  readonly x: number;
  readonly y: number;
  end: number;
  size: number;
}

interface Paragraph {
  text: string;
  readonly page: number;
  readonly size: number;
  lastY: number;
}

/** A line this much larger than the body is a heading. */
const HEADING_SCALE = 1.15;
const MAX_HEADING_CHARACTERS = 200;
/** A gap this many font sizes wide between two runs is a space. */
const SPACE_WIDTH = 0.2;
/** Lines further apart than this many font sizes belong to different paragraphs. */
const PARAGRAPH_LEADING = 1.75;
/** Lines at the edge of pages that come back on this share of them are running heads and page numbers. */
const RUNNING_SHARE = 0.5;
const EDGE_LINES = 2;
/** The dots between an entry of a table of contents and its page. */
const DOT_LEADER = /[.·]{5,}|(?:\. ){5,}/g;

/** Turns positioned text into headings and paragraphs with pages. `pages`: items of each page in the order of the file. */
export function addPdfBlocks(
  pages: readonly (readonly TextItem[])[],
  builder: DocumentBuilder,
): void {
  const lines = withoutRunningLines(pages.map(linesOf));
  const body = bodySize(lines.flat());
  const paragraphs = lines.flatMap((page, index) => paragraphsOf(page, index + 1));
  const headingSizes = [
    ...new Set(paragraphs.filter((one) => isHeading(one, body)).map(({ size }) => size)),
  ].sort((a, b) => b - a);
  for (const paragraph of joinAcrossPages(paragraphs, body)) {
    const { text, page, size } = paragraph;
    if (isHeading(paragraph, body)) {
      builder.add("heading", text, { page, level: Math.min(headingSizes.indexOf(size) + 1, 6) });
    } else builder.add("paragraph", text, { page });
  }
}

function linesOf(items: readonly TextItem[]): TextLine[] {
  const lines: TextLine[] = [];
  let line: TextLine | undefined;
  for (const item of items) {
    if (line && !continues(line, item)) line = undefined;
    if (item.str !== "") {
      if (line) append(line, item);
      else {
        line = {
          text: item.str,
          x: item.x,
          y: item.y,
          end: item.x + item.width,
          size: roundSize(item),
        };
        lines.push(line);
      }
    }
    if (item.hasEOL) line = undefined;
  }
  for (const one of lines) one.text = one.text.replace(DOT_LEADER, " … ");
  return lines.filter(({ text }) => text.trim() !== "");
}

/** Half points are enough to tell headings apart; finer differences are rounding. */
const roundSize = ({ fontSize }: TextItem) => Math.round(fontSize * 2) / 2;

/** On the same baseline, super- and subscripts included, and not far back to the left. */
function continues(line: TextLine, item: TextItem): boolean {
  const size = Math.max(line.size, item.fontSize);
  return Math.abs(item.y - line.y) < 0.6 * size && item.x > line.x - size;
}

function append(line: TextLine, item: TextItem): void {
  const isApart = item.x - line.end > SPACE_WIDTH * item.fontSize;
  line.text += isApart && !/\s$/.test(line.text) ? ` ${item.str}` : item.str;
  line.end = item.x + item.width;
  if (item.str.trim() !== "") line.size = Math.max(line.size, roundSize(item));
}

function withoutRunningLines(pages: readonly TextLine[][]): TextLine[][] {
  if (pages.length < 3) return [...pages];
  const counts = new Map<string, number>();
  const key = ({ text, y }: TextLine) => `${Math.round(y / 4)}:${text.replace(/\d+/g, "#").trim()}`;
  const edges = (page: readonly TextLine[]) => {
    const byHeight = [...page].sort((a, b) => b.y - a.y);
    return new Set([...byHeight.slice(0, EDGE_LINES), ...byHeight.slice(-EDGE_LINES)]);
  };
  for (const page of pages) {
    for (const name of new Set([...edges(page)].map(key))) {
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  const isRunning = (line: TextLine) =>
    (counts.get(key(line)) ?? 0) >= Math.max(3, pages.length * RUNNING_SHARE);
  return pages.map((page) => {
    const atEdge = edges(page);
    return page.filter((line) => !(atEdge.has(line) && isRunning(line)));
  });
}

/** The size most characters have. */
function bodySize(lines: readonly TextLine[]): number {
  const characters = new Map<number, number>();
  for (const { size, text } of lines)
    characters.set(size, (characters.get(size) ?? 0) + text.length);
  const [most] = [...characters].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? 0;
}

function paragraphsOf(lines: readonly TextLine[], page: number): Paragraph[] {
  const found: Paragraph[] = [];
  for (const { text, y, size } of lines) {
    const last = found.at(-1);
    const drop = last ? last.lastY - y : 0;
    const isNext = last && last.size === size && drop > 0 && drop <= PARAGRAPH_LEADING * size;
    const isNextColumn = last && last.size === size && drop < 0 && isUnfinished(last.text);
    if (last && (isNext || isNextColumn)) {
      last.text = joinLines(last.text, text);
      last.lastY = y;
    } else found.push({ text: text.trim(), page, size, lastY: y });
  }
  return found;
}

/** A sentence that a page break cut goes on in the paragraph where it began. */
function joinAcrossPages(paragraphs: readonly Paragraph[], body: number): Paragraph[] {
  const joined: Paragraph[] = [];
  for (const paragraph of paragraphs) {
    const last = joined.at(-1);
    const goesOn =
      last !== undefined &&
      paragraph.page === last.page + 1 &&
      paragraph.size === last.size &&
      paragraph.size <= body &&
      isUnfinished(last.text) &&
      /^\p{Ll}/u.test(paragraph.text);
    if (goesOn) last.text = joinLines(last.text, paragraph.text);
    else joined.push({ ...paragraph });
  }
  return joined;
}

const isUnfinished = (text: string) => !/[.!?:;。！？]["'”’)\]]*$/.test(text);

function isHeading({ size, text }: Paragraph, body: number): boolean {
  return (
    size >= body * HEADING_SCALE && text.length <= MAX_HEADING_CHARACTERS && /\p{L}/u.test(text)
  );
}

/** A word divided at the line's end is put together again; a hyphen before a capital or digit stays. */
function joinLines(before: string, after: string): string {
  const next = after.trim();
  if (/\p{L}[-\u00ad\u2010]$/u.test(before) && /^\p{Ll}/u.test(next))
    return before.slice(0, -1) + next;
  return `${before.trimEnd()} ${next}`;
}
