import { documentNames, namedPassage, type QaPair } from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import type { RankedQuery } from "./retrieval-metrics.ts";

/**
 * What retrieval should have found for a question, by what the question file says: the passage (a line of a .jsonl, by its
 * id) or the document (by file name, with or without its extension, or title). Passages of one document count once.
 */
export function relevantPassages(pair: QaPair, found: readonly Passage[]): RankedQuery {
  const wanted = namedPassage(pair);
  if (wanted === undefined) return { ranked: [], relevant: new Map() };
  const ranked = found.map((passage) =>
    documentNames(passage).includes(wanted) ? wanted : `other:${passage.documentId}`,
  );
  return { ranked, relevant: new Map([[wanted, 1]]) };
}
