import { tableRow } from "../table-text.ts";
import { type Band, columnsOf, isFromRight } from "./bands.ts";
import { joinLines } from "./join-lines.ts";
import type { Row, Segment } from "./rows.ts";

/** Lines of one cell are at most this many font sizes apart. */
const CELL_LEADING = 1.45;
const MIN_LONG_CELL = 12;
/** Within a column a wide gap parts cells as well: text that reaches over a border elsewhere has hidden it. */
const CELL_GAP = " | ";

/** `x` and `end`: where it begins and ends for who reads it; in text from right to left negative, so that they rise as well. */
interface Cell {
  text: string;
  readonly x: number;
  end: number;
}

interface TableRow {
  readonly cells: (Cell | undefined)[];
  lastY: number;
}

/** The rows of a table as lines, their cells set apart by bars; cells of several lines are put together. */
export function tableLines(band: Band): string[] {
  const fromRight = isFromRight(band);
  const edges = columnsOf(band, fromRight).map((rows) =>
    Math.max(...rows.map((row) => spanOf(row.segments, fromRight).end)),
  );
  const table: TableRow[] = [];
  for (const row of band.rows) {
    const cells = cellsOf(row, band, fromRight);
    const above = table.at(-1);
    const isNear = above !== undefined && above.lastY - row.y <= CELL_LEADING * row.size;
    if (isNear && goesOn(above.cells, cells, edges)) append(above, cells, row.y);
    else table.push({ cells: [...cells], lastY: row.y });
  }
  return table.map(({ cells }) => tableRow(cells.map((cell) => cell?.text ?? "")));
}

/** A row's text in each column; where text reaches over a border, it is by its gaps alone. */
function cellsOf(row: Row, band: Band, fromRight: boolean): (Cell | undefined)[] {
  const doesCross = row.segments.some(({ x, end }) =>
    band.gutters.some((middle) => x < middle && end > middle),
  );
  const ordered = (segments: readonly Segment[]) =>
    fromRight ? [...segments].reverse() : segments;
  if (doesCross) {
    return ordered(row.segments).map((segment) => ({
      text: segment.text,
      ...spanOf([segment], fromRight),
    }));
  }
  return columnsOf({ rows: [row], gutters: band.gutters }, fromRight).map(([part]) => {
    if (!part) return undefined;
    const text = ordered(part.segments)
      .map((segment) => segment.text)
      .join(CELL_GAP);
    return { text, ...spanOf(part.segments, fromRight) };
  });
}

function spanOf(segments: readonly Segment[], fromRight: boolean): { x: number; end: number } {
  const [left, right] = [segments[0]!.x, segments.at(-1)!.end];
  return fromRight ? { x: -right, end: -left } : { x: left, end: right };
}

/** Whether a row is the next line of the cells above it, not a row of its own. */
function goesOn(
  above: readonly (Cell | undefined)[],
  cells: readonly (Cell | undefined)[],
  edges: readonly number[],
): boolean {
  const filled = cells.flatMap((cell, index) =>
    cell ? [{ cell, index, over: above[index] }] : [],
  );
  if (filled.some(({ over }) => over === undefined)) return false;
  const others = above.filter((cell) => cell !== undefined).length;
  const isCut = ({ over }: { readonly over: Cell | undefined }) =>
    over !== undefined &&
    over.text.length >= MIN_LONG_CELL &&
    !/[.!?;。！？]["'”’)\]]*$/.test(over.text);
  if (filled.some((one) => isCut(one) && /^\p{Ll}/u.test(one.cell.text))) return true;
  if (cells[0] === undefined && filled.length < others - 1) return true;
  const isWrapped = ({ cell, index, over }: (typeof filled)[number]) =>
    isCut({ over }) && over!.end + firstWordWidth(cell) > edges[index]!;
  return filled.length < others && filled.every(isWrapped);
}

const firstWordWidth = ({ text, x, end }: Cell): number =>
  (text.split(/\s/, 1)[0]!.length * (end - x)) / text.length;

function append(row: TableRow, cells: readonly (Cell | undefined)[], y: number): void {
  for (const [index, cell] of cells.entries()) {
    const over = row.cells[index];
    if (!cell || !over) continue;
    over.text = joinLines(over.text, cell.text);
    over.end = cell.end;
  }
  row.lastY = y;
}
