import {
  documentNames,
  holdsAnswer,
  isQuestion,
  namedPassage,
  type QaPair,
} from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import type { RankedQuery } from "./retrieval-metrics.ts";

/**
 * What retrieval should have found for a question, by what the question file says: the passage (a line of a .jsonl, by its
 * id) or the document (by file name, with or without its extension, or title). Passages of one document count once. Where the file says
 * neither, the first passage that holds an answer word for word; each passage counts then. Nothing for an input, or without an answer.
 */
export function relevantPassages(pair: QaPair, found: readonly Passage[]): RankedQuery {
  const wanted = namedPassage(pair);
  if (wanted === undefined) return firstWithAnswer(pair, found);
  const ranked = found.map((passage) =>
    documentNames(passage).includes(wanted) ? wanted : `other:${passage.documentId}`,
  );
  return { ranked, relevant: new Map([[wanted, 1]]) };
}

function firstWithAnswer(pair: QaPair, found: readonly Passage[]): RankedQuery {
  if (!isQuestion(pair) || pair.answers.length === 0) return { ranked: [], relevant: new Map() };
  const first = found.findIndex((passage) => holdsAnswer([passage], pair.answers));
  const ranked = found.map((_, index) => (index === first ? "answering" : `other:${index}`));
  return { ranked, relevant: new Map([["answering", 1]]) };
}
