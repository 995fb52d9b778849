import { RagError } from "../../core/index.ts";
import type { SearchOptions } from "./search-options.ts";

const MAX_NEIGHBOURS = 100;

/**
 * Checks the options that a wrong number would turn into nonsense. `nameOf`: what whoever gave them calls an option.
 * @throws RagError config/invalid
 */
export function requireSearchOptions(
  { diversity, neighbours }: Pick<SearchOptions, "diversity" | "neighbours">,
  nameOf: (option: string) => string = (option) => option,
): void {
  const refuse = (option: string, expected: string, found: number) =>
    new RagError(
      "config/invalid",
      `${nameOf(option)}: expected ${expected}, found ${found}; correct it.`,
    );
  // Written so that NaN is refused, too.
  if (diversity !== undefined && !(diversity >= 0 && diversity <= 1)) {
    throw refuse("diversity", "a number from 0 to 1", diversity);
  }
  const isCount = (value: number) =>
    Number.isInteger(value) && value >= 0 && value <= MAX_NEIGHBOURS;
  if (neighbours !== undefined && !isCount(neighbours)) {
    throw refuse("neighbours", `a whole number from 0 to ${MAX_NEIGHBOURS}`, neighbours);
  }
}
