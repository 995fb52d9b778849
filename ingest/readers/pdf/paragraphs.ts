import { joinLines } from "./join-lines.ts";
import { type Row, rowText } from "./rows.ts";

export interface Paragraph {
  text: string;
  /** From 1. */
  readonly page: number;
  readonly size: number;
  readonly lineCount: number;
}

interface Draft {
  readonly size: number;
  readonly lines: Line[];
  /** Whether each line but the last ends on purpose. */
  readonly endings: boolean[];
}

interface Line {
  readonly text: string;
  readonly x: number;
  readonly end: number;
  readonly y: number;
  readonly size: number;
}

/** Lines further apart than this many font sizes belong to different paragraphs. */
const PARAGRAPH_LEADING = 1.75;
/** A first line set in by this many font sizes begins a paragraph. */
const INDENT = 0.8;
const MAX_INDENT = 6;
/** Lines whose middles are no further apart than this many font sizes stand centred, one below the other: not set in. */
const CENTRED = 0.1;
/** A line that ends this many font sizes before the next word would have had to, ends on purpose. */
const SLACK = 1;
/** Where lines of a column end is only known from this many. */
const MIN_LINES_FOR_EDGE = 3;
const VERSE_SHARE = 0.6;
const LIST_ITEM = /^(?:[⁰¹²³⁴⁵⁶⁷⁸⁹•▪●○◦‣⁃∙■□➢✓]|[–—*-]\s|\(?(?:\d{1,3}|[a-z])[.)]\s)/u;
const LEADER_AND_PAGE = / … \S{1,8}$/;
/** The dots between an entry of a table of contents and its page. */
const DOT_LEADER = /(?<!\s)\s*(?:[.·…]{5,}|(?:[.·] ){4,}[.·]?)\s*/g;

/**
 * Lines of one column as paragraphs: parted by space, an indent, a change of size, or the mark of a list's entry. A line that ends early though the
 * next word would have fitted keeps its end (verses, addresses). `page`: from 1.
 */
export function paragraphsOf(rows: readonly Row[], page: number): Paragraph[] {
  const lines = rows.map(lineOf);
  const drafts: Draft[] = [];
  for (const line of lines) {
    const draft = drafts.at(-1);
    const last = draft?.lines.at(-1);
    if (draft && last && isNextLine(last, line, leftEdge(lines, line.size))) {
      draft.endings.push(endsEarly(last, line, rightEdge(lines, line.size)));
      draft.lines.push(line);
    } else drafts.push({ size: line.size, lines: [line], endings: [] });
  }
  return drafts.map((draft) => ({
    text: textOf(draft),
    page,
    size: draft.size,
    lineCount: draft.lines.length,
  }));
}

/** Where most lines end on purpose the longest do too, though nothing shows it. */
function textOf({ lines, endings }: Draft): string {
  const count = endings.filter(Boolean).length;
  const areAll = endings.length >= MIN_LINES_FOR_EDGE && count >= VERSE_SHARE * endings.length;
  return lines
    .slice(1)
    .reduce(
      (text, line, index) =>
        endings[index] || areAll ? `${text}\n${line.text}` : joinLines(text, line.text),
      lines[0]!.text,
    );
}

function lineOf(row: Row): Line {
  const text = rowText(row).replace(DOT_LEADER, " … ").trim();
  const [first, last] = [row.segments[0]!, row.segments.at(-1)!];
  const size = Math.max(...row.segments.map((segment) => segment.size));
  return { text, x: first.x, end: last.end, y: row.y, size };
}

function isNextLine(last: Line, line: Line, left: number): boolean {
  const { size } = last;
  const drop = last.y - line.y;
  if (line.size !== size || drop <= 0 || drop > PARAGRAPH_LEADING * size) return false;
  if (LIST_ITEM.test(line.text)) return false;
  if (Math.abs(middle(line) - middle(last)) <= CENTRED * size) return true;
  const indent = (line.x - left) / size;
  const wasAtLeft = last.x - left < INDENT * size;
  return !(wasAtLeft && indent >= INDENT && indent <= MAX_INDENT);
}

const middle = ({ x, end }: Line): number => (x + end) / 2;

function endsEarly(last: Line, next: Line, right: number | undefined): boolean {
  if (LEADER_AND_PAGE.test(last.text)) return true;
  if (right === undefined) return false;
  const word = next.text.split(/\s/, 1)[0]!.length;
  const width = (word * (next.end - next.x)) / Math.max(1, next.text.length);
  return last.end + width + SLACK * next.size < right && !/[-\u2010\u00ad]$/.test(last.text);
}

const leftEdge = (lines: readonly Line[], size: number): number =>
  Math.min(...lines.filter((line) => line.size === size).map(({ x }) => x));

function rightEdge(lines: readonly Line[], size: number): number | undefined {
  const alike = lines.filter((line) => line.size === size);
  if (alike.length < MIN_LINES_FOR_EDGE) return undefined;
  return Math.max(...alike.map(({ end }) => end));
}

/** A sentence that a page's or column's end cut goes on in the paragraph where it began. `body`: the size of running text. */
export function joinAcrossBreaks(paragraphs: readonly Paragraph[], body: number): Paragraph[] {
  const joined: Paragraph[] = [];
  for (const paragraph of paragraphs) {
    const last = joined.at(-1);
    const goesOn =
      last !== undefined &&
      paragraph.page <= last.page + 1 &&
      paragraph.size === last.size &&
      paragraph.size <= body &&
      isUnfinished(last.text) &&
      /^\p{Ll}/u.test(paragraph.text);
    if (goesOn) last.text = joinLines(last.text, paragraph.text);
    else joined.push({ ...paragraph });
  }
  return joined;
}

const isUnfinished = (text: string): boolean => !/[.!?:;。！？]["'”’)\]]*$/.test(text);
