import type { Neighbour } from "./vector-index.ts";

/** Neighbours that must be right. */
const CHECKED = 10;
/** Share of them that a search twice as broad may not change. */
const SETTLED = 0.99;
/** Scores closer than this are the same neighbour, or its equal. */
const SAME = 1e-6;

/**
 * How many candidates a graph search has to keep for its ten best to be right: twice as many would no longer change them. Data whose
 * vectors form groups, as texts do, need few; random vectors many.
 * `least`: where to begin. `most`: beyond it nothing is gained. `search`: the graph's ten best, best first, with so many candidates kept.
 */
export function settledBreadth(options: {
  readonly queries: readonly Float32Array[];
  readonly least: number;
  readonly most: number;
  readonly search: (query: Float32Array, k: number, breadth: number) => readonly Neighbour[];
}): number {
  const { queries, least, most, search } = options;
  const find = (breadth: number) => queries.map((query) => search(query, CHECKED, breadth));
  let breadth = least;
  let found = find(breadth);
  while (breadth < most) {
    const broader = find(2 * breadth);
    if (agreement(found, broader) >= SETTLED) return breadth;
    breadth *= 2;
    found = broader;
  }
  return breadth;
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
