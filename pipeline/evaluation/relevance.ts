import { basename } from "node:path";
import type { QaPair } from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import type { RankedQuery } from "./retrieval-metrics.ts";

/**
 * What retrieval should have found for a question, by what the question file says: the passage (a line of a .jsonl, by its
 * id) or the document (by file name, with or without its extension, or title). Passages of one document count once.
 */
export function relevantPassages(pair: QaPair, found: readonly Passage[]): RankedQuery {
  const wanted = pair.passageId ?? pair.document;
  if (wanted === undefined) return { ranked: [], relevant: new Map() };
  const ranked = found.map((passage) =>
    documentNames(passage).includes(wanted) ? wanted : `other:${passage.documentId}`,
  );
  return { ranked, relevant: new Map([[wanted, 1]]) };
}

/** What a file of questions or judgements may call the document of a passage. */
export function documentNames({ documentId, source, title }: Passage): readonly string[] {
  // A line of a .jsonl has the source `file.jsonl#id`.
  const fragment = source.slice(source.indexOf("#") + 1);
  const file = basename(source.replace(/#.*$/, ""));
  return [documentId, fragment, source, file, file.replace(/\.[^.]+$/, ""), title];
}
