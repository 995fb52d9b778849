import type { Generator } from "../../generator/index.ts";
import {
  ANSWERS_AT_ONCE,
  type AnswerScore,
  answerTogether,
  type QaPair,
  scoreAnswer,
} from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import { type Arm, answerWith } from "./arms.ts";

export type ScoredAnswer = { readonly answer: string } & AnswerScore;

/** Questions, what was found for them, and what answers them. */
export interface QuestionsParts {
  readonly generator: Generator;
  readonly pairs: readonly QaPair[];
  /** For each pair, best first: at least 10 where there are so many. */
  readonly found: readonly (readonly Passage[])[];
  /** Passages the model reads. */
  readonly k: number;
  readonly signal?: AbortSignal | undefined;
}

/** What one arm answered to a few questions, in their order. */
export interface GroupAnswers {
  readonly answers: readonly ScoredAnswer[];
  readonly seconds: number;
}

/**
 * An arm's answers to {@link ANSWERS_AT_ONCE} questions from the `first` on, generated together.
 * @throws RagError context/overflow, engine/failed
 */
export async function answerGroup(
  arm: Arm,
  { generator, pairs, found, k, first, signal }: QuestionsParts & { readonly first: number },
): Promise<GroupAnswers> {
  signal?.throwIfAborted();
  const started = performance.now();
  const group = pairs.slice(first, first + ANSWERS_AT_ONCE);
  const answers = await answerTogether(
    [...group.entries()],
    async ([index, { id, question, task, answers: accepted }]) => {
      const passages = (found[first + index] ?? []).slice(0, k);
      const answer = await answerWith(arm, generator, { id, question, task, passages, signal });
      return { answer, ...scoreAnswer(answer, accepted) };
    },
  );
  return { answers, seconds: (performance.now() - started) / 1000 };
}

/**
 * The order in which arms answer the group of questions from the `first` on, one after the other, so that they share the cached passages and a
 * machine that slows down slows all of them. The arm that comes first with passages pays for reading them: its turn goes round from
 * group to group.
 */
export function inTurn<Item>(arms: readonly Item[], first: number): readonly Item[] {
  const start = Math.floor(first / ANSWERS_AT_ONCE) % Math.max(1, arms.length);
  return [...arms.slice(start), ...arms.slice(0, start)];
}
