import { sha256OfPieces } from "../../core/index.ts";

/** sha256 of lists as `JSON.stringify(lists)` writes them, which for a large training would be longer than a string can be. */
export const hashOfLists = (lists: readonly (readonly unknown[])[]): string =>
  sha256OfPieces(jsonPieces(lists));

function* jsonPieces(lists: readonly (readonly unknown[])[]): Generator<string> {
  yield "[";
  for (const [index, list] of lists.entries()) {
    yield index > 0 ? ",[" : "[";
    for (const [at, one] of list.entries()) {
      if (at > 0) yield ",";
      yield JSON.stringify(one);
    }
    yield "]";
  }
  yield "]";
}
