import { groupBy } from "../../core/index.ts";

/**
 * Of items that differ in their virtual tokens, the one with all of them, else with the most; of several such the first. One a group, in the order
 * in which groups come.
 */
export const withMostTokens = <Item>(
  items: readonly Item[],
  groupOf: (item: Item) => string,
  tokensOf: (item: Item) => number | "all",
): readonly Item[] => {
  const count = (item: Item) => {
    const tokens = tokensOf(item);
    return tokens === "all" ? Number.POSITIVE_INFINITY : tokens;
  };
  return [...groupBy(items, groupOf).values()].map((own) =>
    own.reduce((most, one) => (count(one) > count(most) ? one : most)),
  );
};
