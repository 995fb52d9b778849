import { type Row, readsFromRight } from "./rows.ts";

/** Rows that one or more upright strips of empty paper divide into columns; or a row that none divides. */
export interface Band {
  readonly rows: readonly Row[];
  /** The middles of the strips, from left to right; none for a plain row. */
  readonly gutters: readonly number[];
}

interface Span {
  readonly start: number;
  readonly end: number;
}

/** A strip between columns is this many font sizes wide; with few rows it may be chance, so it has to be wider. */
const GUTTER_WIDTH = 0.8;
const CHANCE_GUTTER_WIDTH = 1.1;
const FEW_ROWS = 5;
/** A gap this much larger than the usual distance of rows sets parts of a page apart. */
export const BREAK_SCALE = 1.4;
/** Rows that one column may have alone before the other begins. */
const MAX_ALONE = 3;
/** What begins an entry of a list: it stands apart, but is no column. */
const MARKER =
  /^(?:[•▪●○◦‣⁃∙·■□➢✓–—*o-]|\(?(?:\d{1,3}|[a-z]|[ivx]{1,4})[.)]|\d{1,2}(?:\.\d{1,2}){1,4}\.?|\[\d{1,3}\])$/iu;

/** Cuts a page, or a column of one, into bands from top to bottom. */
export function bandsOf(rows: readonly Row[]): Band[] {
  const bands: Band[] = [];
  for (let first = 0; first < rows.length; ) {
    const found = longestBand(rows, first);
    bands.push(found);
    first += found.rows.length;
  }
  return bands;
}

function longestBand(rows: readonly Row[], first: number): Band {
  const plain: Band = { rows: [rows[first]!], gutters: [] };
  const own: Row[] = [];
  let best = plain;
  let covered: Span[] = [];
  for (const row of rows.slice(first)) {
    // Captions, headings, lines: what is divided begins below them.
    if (own.length > 0 && covered.length === 1 && row.segments.length > 1) break;
    const next = merged([...covered, ...row.segments.map(spanOf)]);
    const gutters = guttersOf([...own, row], next, GUTTER_WIDTH);
    if (gutters.length < best.gutters.length && doesEnd(own, row)) break;
    own.push(row);
    covered = next;
    if (gutters.length > 0) best = { rows: [...own], gutters };
    else if (best.gutters.length > 0 || (covered.length < 2 && own.length > MAX_ALONE)) break;
  }
  if (best.gutters.length === 0 || best.rows.length >= FEW_ROWS) return best;
  const span = merged(best.rows.flatMap(({ segments }) => segments.map(spanOf)));
  const wide = guttersOf(best.rows, span, CHANCE_GUTTER_WIDTH);
  return wide.length > 0 ? { rows: best.rows, gutters: wide } : plain;
}

/** Whether a row that reaches over a gutter stands below what is divided, and is none of it. */
function doesEnd(above: readonly Row[], row: Row): boolean {
  const gaps = above.slice(1).map(({ y }, index) => above[index]!.y - y);
  return row.segments.length === 1 || above.at(-1)!.y - row.y > BREAK_SCALE * median(gaps);
}

const spanOf = ({ x, end }: { readonly x: number; readonly end: number }): Span => ({
  start: x,
  end,
});

/** Spans from left to right, those that touch put together. */
function merged(spans: readonly Span[]): Span[] {
  const found: Span[] = [];
  for (const span of [...spans].sort((a, b) => a.start - b.start)) {
    const last = found.at(-1);
    if (last && span.start <= last.end) {
      found[found.length - 1] = { start: last.start, end: Math.max(last.end, span.end) };
    } else found.push(span);
  }
  return found;
}

/**
 * The middles of strips that are wide enough. One at least has text on both sides in two rows or more; beside such a one, columns
 * with a single entry count as well. What sets a list's markers apart is none.
 */
function guttersOf(rows: readonly Row[], covered: readonly Span[], width: number): number[] {
  if (covered.length < 2) return [];
  const size = median(rows.flatMap(({ segments }) => segments.map((segment) => segment.size)));
  const strips = covered.slice(1).flatMap(({ start }, index) => {
    const { end } = covered[index]!;
    return start - end >= width * size ? [(start + end) / 2] : [];
  });
  const gutters = strips.filter((middle, index) => {
    const before = strips[index - 1] ?? Number.NEGATIVE_INFINITY;
    const column = rows.flatMap(({ segments }) =>
      segments.filter(({ x, end }) => x > before && end < middle),
    );
    return !column.every(({ text }) => MARKER.test(text));
  });
  const isSure = (middle: number) =>
    rows.filter(({ segments }) => segments.some(({ end }) => end < middle)).length > 1 &&
    rows.filter(({ segments }) => segments.some(({ x }) => x > middle)).length > 1;
  return gutters.some(isSure) ? gutters : [];
}

/** Whether the columns of a band are read from the right one on. */
export const isFromRight = ({ rows }: Band): boolean =>
  readsFromRight(rows.flatMap(({ segments }) => segments));

/** Of the rows of a band, the parts that stand in each column, in the order columns are read; empty rows are left out. */
export function columnsOf(band: Band, fromRight = isFromRight(band)): Row[][] {
  const { rows, gutters } = band;
  const columns = [...gutters, Number.POSITIVE_INFINITY].map((right, index) => {
    const left = gutters[index - 1] ?? Number.NEGATIVE_INFINITY;
    return rows.flatMap((row) => {
      const segments = row.segments.filter(({ x }) => x > left && x < right);
      return segments.length === 0 ? [] : [{ ...row, segments }];
    });
  });
  return fromRight ? columns.reverse() : columns;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}
