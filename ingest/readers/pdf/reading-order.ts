import { type Band, BREAK_SCALE, bandsOf, columnsOf, median } from "./bands.ts";
import { type Row, rowText } from "./rows.ts";
import { tableLines } from "./table-lines.ts";

/** A part of a page in the order it is read. */
export type PagePart =
  | {
      readonly kind: "lines";
      /** Of one column, from top to bottom. */
      readonly rows: readonly Row[];
    }
  | { readonly kind: "table"; readonly lines: readonly string[] };

/** Columns of running text have lines of this many characters, that fill this share of the column. */
const MIN_TEXT_CHARACTERS = 18;
const MIN_TEXT_FILL = 0.55;
const MIN_TEXT_LINES = 3;
/** So many of a column's lines are long, and without gaps of their own. */
const MIN_TEXT_SHARE = 0.65;
const MAX_TEXT_COLUMNS = 4;
/** More rows than any page has are not looked at for columns: it would take too long. */
const MAX_ROWS = 1500;
const MAX_NESTING = 3;

/** A page's rows in reading order: columns of text one after the other, tables row by row. */
export function readingOrder(rows: readonly Row[], nesting = 0): PagePart[] {
  if (rows.length > MAX_ROWS || nesting > MAX_NESTING) return [{ kind: "lines", rows }];
  const parts: PagePart[] = [];
  for (const band of bandsOf(rows).flatMap(trimmed)) {
    if (band.gutters.length === 0) addLines(parts, band.rows);
    else if (isText(band)) {
      for (const column of columnsOf(band)) parts.push(...readingOrder(column, nesting + 1));
    } else parts.push({ kind: "table", lines: tableLines(band) });
  }
  return parts;
}

function addLines(parts: PagePart[], rows: readonly Row[]): void {
  const last = parts.at(-1);
  if (last?.kind === "lines")
    parts[parts.length - 1] = { kind: "lines", rows: [...last.rows, ...rows] };
  else parts.push({ kind: "lines", rows });
}

/**
 * A band without rows that only happen not to cross its gutters, such as a heading before or after it; a table also ends where one
 * stands alone below a wide gap, and what follows is looked at anew.
 */
function trimmed(band: Band): Band[] {
  if (band.gutters.length === 0) return [band];
  const { rows, gutters } = band;
  const isShared = ({ segments }: Row) =>
    gutters.some(
      (middle) => segments.some(({ end }) => end < middle) && segments.some(({ x }) => x > middle),
    );
  const isColumns = isText(band);
  const gaps = rows.slice(1).map(({ y }, index) => rows[index]!.y - y);
  const isAlone = (row: Row, at: number) =>
    !isShared(row) && gaps[at - 1]! > BREAK_SCALE * median(gaps);
  const first = isColumns ? 0 : rows.findIndex(isShared);
  if (first < 0) return rows.map((row) => ({ rows: [row], gutters: [] }));
  const lastShared = rows.findLastIndex(isShared);
  const end = rows.findIndex(
    (row, at) => at > (isColumns ? lastShared : first) && isAlone(row, at),
  );
  const inner = rows.slice(first, end < 0 ? rows.length : end);
  const after = end < 0 ? [] : rows.slice(end);
  return [
    ...rows.slice(0, first).map((row) => ({ rows: [row], gutters: [] })),
    { rows: inner, gutters },
    ...bandsOf(after).flatMap(trimmed),
  ];
}

/** Whether the columns of a band are read one after the other, not row by row. */
function isText(band: Band): boolean {
  const columns = columnsOf(band);
  if (columns.length > MAX_TEXT_COLUMNS) return false;
  const areLong = columns.every((column) => {
    if (column.length < MIN_TEXT_LINES) return false;
    const widths = column.map(widthOf);
    const fill = median(widths) / Math.max(...widths);
    const texts = column.filter((row) => rowText(row).length >= MIN_TEXT_CHARACTERS);
    const whole = column.filter(({ segments }) => segments.length === 1);
    const least = MIN_TEXT_SHARE * column.length;
    return fill >= MIN_TEXT_FILL && texts.length >= least && whole.length >= least;
  });
  return areLong && !hasCommonBreaks(columns);
}

const widthOf = ({ segments }: Row): number => segments.at(-1)!.end - segments[0]!.x;

/** Whether wide gaps lie at the same height in all columns, again and again: then what is between them is a table's row. */
function hasCommonBreaks(columns: readonly (readonly Row[])[]): boolean {
  const breaks = columns.map((rows) => {
    const gaps = rows.slice(1).map(({ y }, index) => ({ y, gap: rows[index]!.y - y }));
    const usual = median(gaps.map(({ gap }) => gap));
    return gaps.filter(({ gap }) => gap > BREAK_SCALE * usual);
  });
  const [first = [], ...others] = breaks;
  const common = first.filter(({ y, gap }) =>
    others.every((other) => other.some((one) => Math.abs(one.y - y) < gap / 4)),
  );
  const most = Math.max(...breaks.map((some) => some.length));
  return common.length >= 2 && common.length >= 0.8 * most;
}
