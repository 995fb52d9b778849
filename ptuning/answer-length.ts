import type { QaPair } from "./qa-record.ts";

/** How many tokens of an answer are learned, unless told otherwise. */
export const LEARNED_ANSWER_TOKENS = 64;
/** Long enough for every short answer. */
export const SHORT_ANSWER_TOKENS = 32;

/**
 * How many tokens an answer may have where it is scored: to an input as many as are learned, to a question few, so that a model that
 * writes sentences is not waited for.
 */
export const scoredAnswerTokens = (
  task: QaPair["task"] | undefined,
  learnedTokens: number,
): number => (task === "input" ? learnedTokens : SHORT_ANSWER_TOKENS);
