import { relevantPassages } from "../evaluation/relevance.ts";
import { cellName, type EvaluationCell } from "./cells.ts";
import type { ComparisonParts } from "./comparison-parts.ts";

/**
 * Whether the passage that a test question names was among those it is answered from, question by question; undefined where no question
 * names one. Kept with the answers, so that a finished comparison searches no more.
 */
export async function retrievedQuestions(
  cell: EvaluationCell,
  inputs: readonly string[],
  { data, store }: ComparisonParts,
): Promise<readonly boolean[] | undefined> {
  const { dataset, passages } = cell;
  const { pairs } = await data.dataset(dataset);
  const isNamed = pairs.some(({ passageId, document }) => passageId ?? document);
  if (!isNamed) return undefined;
  const name = cellName("retrieved", { dataset, passages }, inputs);
  const known = await store.loadRetrieved(name);
  if (known?.retrieved.length === pairs.length) return known.retrieved;
  const found = await data.testPassages(dataset, passages);
  const retrieved = pairs.map((pair, index) => {
    const { ranked, relevant } = relevantPassages(pair, found[index] ?? []);
    return ranked.some((id) => relevant.has(id));
  });
  await store.save(name, { retrieved });
  return retrieved;
}
