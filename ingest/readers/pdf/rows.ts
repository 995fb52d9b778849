import { raised } from "../superscript.ts";
import type { PageItem } from "./page-items.ts";

/** Words next to each other on one baseline, without a wide gap. */
export interface Segment {
  readonly text: string;
  readonly x: number;
  readonly end: number;
  readonly y: number;
  readonly size: number;
  readonly isRightToLeft: boolean;
}

/** What stands on one baseline, from left to right, whichever way it is read. */
export interface Row {
  readonly segments: readonly Segment[];
  readonly y: number;
  readonly size: number;
}

/** A gap this many font sizes wide between two runs is a space. */
const SPACE_WIDTH = 0.15;
/** A gap this many font sizes wide may set columns apart. */
const WIDE_GAP = 0.8;
/** Baselines this many font sizes apart are one: super- and subscripts. */
const SAME_BASELINE = 0.5;
/** A raised run is this much smaller than what it is raised beside. */
const RAISED_SCALE = 0.8;

interface Line {
  readonly items: PageItem[];
  y: number;
  size: number;
}

/** Puts runs of text together into rows, from top to bottom. */
export function rowsOf(items: readonly PageItem[]): Row[] {
  const lines: Line[] = [];
  // The large ones first: a small one beside them belongs to their baseline.
  const sorted = [...items].sort((a, b) => b.y - a.y || a.x - b.x);
  for (const item of sorted) {
    const line = lines.findLast((one, index) => index >= lines.length - 3 && isOn(one, item));
    if (!line) {
      lines.push({ items: [item], y: item.y, size: item.size });
      continue;
    }
    line.items.push(item);
    if (item.size > line.size) [line.y, line.size] = [item.y, item.size];
  }
  lines.sort((a, b) => b.y - a.y);
  return lines.map((line) => ({ segments: segmentsOf(line), y: line.y, size: line.size }));
}

const isOn = (line: Line, item: PageItem): boolean =>
  Math.abs(line.y - item.y) < SAME_BASELINE * Math.max(line.size, item.size);

/** A row's text as it is read, whatever gaps are in it. */
export function rowText({ segments }: Row): string {
  const ordered = readsFromRight(segments) ? [...segments].reverse() : segments;
  return ordered.map(({ text }) => text).join(" ");
}

/** Whether most of what has letters is written from right to left: numbers stand in both kinds of text. */
export function readsFromRight(
  runs: readonly { readonly text: string; readonly isRightToLeft: boolean }[],
): boolean {
  const worded = runs.filter(({ text }) => /\p{L}/u.test(text));
  return worded.filter(({ isRightToLeft }) => isRightToLeft).length * 2 > worded.length;
}

function segmentsOf({ items, y, size }: Line): Segment[] {
  const fromRight = readsFromRight(items);
  const ordered = [...items].sort((a, b) => a.x - b.x);
  const groups: PageItem[][] = [];
  let end = Number.NEGATIVE_INFINITY;
  for (const item of ordered) {
    const near = Math.min(item.size, groups.at(-1)?.at(-1)?.size ?? 0);
    if (item.x - end > WIDE_GAP * near || groups.length === 0) groups.push([]);
    groups.at(-1)!.push(item);
    end = Math.max(end, item.end);
  }
  return groups.map((group) => {
    const text = joinedText(fromRight ? [...group].reverse() : group, { y, size, fromRight });
    const right = Math.max(...group.map((item) => item.end));
    return {
      ...{ text, x: group[0]!.x, end: right, y, size: Math.max(...group.map(sizeOf)) },
      isRightToLeft: readsFromRight(group),
    };
  });
}

/** Half points are enough to tell headings apart; finer differences are rounding. */
const sizeOf = ({ size }: PageItem): number => Math.round(size * 2) / 2;

function joinedText(
  items: readonly PageItem[],
  line: { readonly y: number; readonly size: number; readonly fromRight: boolean },
): string {
  let text = "";
  let last: PageItem | undefined;
  for (const item of items) {
    const [left, right] = line.fromRight ? [item, last] : [last, item];
    const isApart = left && right && right.x - left.end > SPACE_WIDTH * line.size;
    const own = isRaised(item, line) ? raised(item.text) : item.text;
    text += isApart && !/\s$/.test(text) && !/^\s/.test(own) ? ` ${own}` : own;
    last = item;
  }
  return text.trim();
}

const isRaised = (item: PageItem, line: { readonly y: number; readonly size: number }): boolean =>
  item.size < RAISED_SCALE * line.size && item.y - line.y > 0.15 * line.size;
