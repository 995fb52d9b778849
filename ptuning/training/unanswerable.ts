import { RagError, type Random } from "../../core/index.ts";
import type { Model } from "../../generator/index.ts";
import { holdsAnswer, type LayoutOptions, layOutPair, type RetrievedPair } from "../examples.ts";
import { isQuestion, type QaPair } from "../qa-record.ts";

/** Draws of other passages that may hold the answer after all, before a question is given up. */
const MAX_DRAWS = 20;

/** How many questions without an answer make up `share` of all, beside `answerable` ones that have one. */
export const unanswerableCount = (answerable: number, share: number): number =>
  Math.round((answerable * share) / (1 - share));

/**
 * The answer to them is the end mark alone: an empty answer, which is also what SQuAD 2.0 scores as right.
 * @throws RagError config/invalid for a model that has no end mark
 */
export function requireEndMark(model: Model): void {
  if (model.stopIds.length > 0) return;
  throw new RagError(
    "config/invalid",
    `unanswerable: ${model.name} has no end mark, so it cannot learn to answer nothing; use 0.`,
    { param: "unanswerable" },
  );
}

/**
 * Questions whose passages do not answer them, `count` in all: first those that the file says have no answer, then questions of
 * `pairs` with the passages of another one. Fewer where the passages of all others hold the answer too.
 */
export function unanswerablePairs(
  pairs: readonly RetrievedPair[],
  own: readonly RetrievedPair[],
  options: { readonly count: number; readonly random: Random; readonly layout: LayoutOptions },
): RetrievedPair[] {
  const { count, random, layout } = options;
  const found = own.filter(({ prompt }) => prompt.takesPrompt).slice(0, count);
  const questions = pairs.filter(({ pair }) => isQuestion(pair));
  for (const { pair } of random.shuffle(questions)) {
    if (found.length >= count) break;
    const passages = otherPassages(pair, questions, random);
    if (!passages) continue;
    const unanswered = { ...pair, answers: [] };
    const prompt = layOutPair(unanswered, passages, layout);
    found.push({ pair: unanswered, passages, prompt, isAnswerRetrieved: false });
  }
  return found;
}

/** What was retrieved for another question and does not hold this one's answer. */
function otherPassages(
  { id, answers }: QaPair,
  questions: readonly RetrievedPair[],
  random: Random,
): RetrievedPair["passages"] | undefined {
  for (let draw = 0; draw < MAX_DRAWS; draw++) {
    const other = questions[random.integer(questions.length)]!;
    if (other.pair.id === id || holdsAnswer(other.passages, answers)) continue;
    return other.passages.map((passage) => ({
      ...passage,
      holdsAnswer: false,
      isAnswering: false,
    }));
  }
  return undefined;
}
