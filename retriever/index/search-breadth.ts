import type { Neighbour } from "./vector-index.ts";

/** Neighbours that must be right. */
const CHECKED = 10;
/** Share of them that a search twice as broad may not change. */
const SETTLED = 0.99;
/** Scores closer than this are the same neighbour, or its equal. */
const SAME = 1e-6;

/** Queries to try a breadth with, and how to search. */
export interface BreadthTrial {
  readonly queries: readonly Float32Array[];
  /** Where to begin. */
  readonly least: number;
  /** Beyond it nothing is gained. */
  readonly most: number;
  /** The graph's ten best, best first, with so many candidates kept. */
  readonly search: (query: Float32Array, k: number, breadth: number) => readonly Neighbour[];
}

/**
 * How many candidates a graph search has to keep for its ten best to be right: twice as many would no longer change them. Data whose
 * vectors form groups, as texts do, need few; random vectors many. Pauses after every search, so that it need not be done at one go.
 */
export function* settledBreadth(trial: BreadthTrial): Generator<void, number> {
  let breadth = trial.least;
  let found = yield* tryBreadth(trial, breadth);
  while (breadth < trial.most) {
    const broader = yield* tryBreadth(trial, 2 * breadth);
    if (agreement(found, broader) >= SETTLED) return breadth;
    breadth *= 2;
    found = broader;
  }
  return breadth;
}

function* tryBreadth(
  { queries, search }: BreadthTrial,
  breadth: number,
): Generator<void, (readonly Neighbour[])[]> {
  const lists: (readonly Neighbour[])[] = [];
  for (const query of queries) {
    lists.push(search(query, CHECKED, breadth));
    yield;
  }
  return lists;
}

/** Share of the better lists' places that the others fill as well; of equally close neighbours any will do. */
function agreement(
  lists: readonly (readonly Neighbour[])[],
  better: readonly (readonly Neighbour[])[],
): number {
  let [kept, all] = [0, 0];
  for (const [index, wanted] of better.entries()) {
    const farthest = (wanted.at(-1)?.score ?? 0) - SAME;
    kept += lists[index]!.filter(({ score }) => score >= farthest).length;
    all += wanted.length;
  }
  return all === 0 ? 1 : kept / all;
}
