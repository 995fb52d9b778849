import type { Retrieved } from "./answer.ts";
import type { Abstention } from "./answerer.ts";

/** Said instead of an answer: an empty message looks like a broken server. */
const MESSAGES: Readonly<Record<Abstention["reason"], string>> = {
  "empty-store": "There are no documents to answer from yet. Add some first.",
  "nothing-relevant": "Nothing in the documents is close enough to this question to answer it.",
  "no-answer": "The documents do not seem to answer this.",
};

export function abstentionFor(reason: Abstention["reason"], detail = ""): Abstention {
  return { reason, message: `${MESSAGES[reason]}${detail}` };
}

/** Why there is nothing to answer from, if so. `found`: undefined when the store is empty. */
export function nothingRelevant(
  found: Retrieved | undefined,
  minSimilarity: number,
): Abstention | undefined {
  if (!found) return abstentionFor("empty-store");
  if (found.passages.length === 0) return abstentionFor("nothing-relevant");
  const { similarity } = found;
  if (similarity === undefined || similarity >= minSimilarity) return undefined;
  return abstentionFor(
    "nothing-relevant",
    ` The closest passage has a similarity of ${similarity.toFixed(2)}, and ${minSimilarity.toFixed(2)} is needed.`,
  );
}
