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

/** Questions, what was found for them, and who answers them. */
export interface QuestionsParts {
  readonly generator: Generator;
  /** Of different names. */
  readonly arms: readonly Arm[];
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
 * Answers {@link ANSWERS_AT_ONCE} questions from the `first` on with every arm: an arm answers them together, then the next arm does,
 * so that arms share the cached passages and a machine that slows down slows all of them. The arm that comes first with
 * passages pays for reading them: its turn goes round from group to group.
 * @throws RagError context/overflow, engine/failed
 */
export async function answerGroup(
  parts: QuestionsParts & { readonly first: number },
): Promise<ReadonlyMap<string, GroupAnswers>> {
  const { arms, first, signal } = parts;
  const answered = new Map<string, GroupAnswers>();
  for (const arm of rotated(arms, first / ANSWERS_AT_ONCE)) {
    signal?.throwIfAborted();
    const started = performance.now();
    const answers = await answersOf(arm, parts);
    answered.set(arm.name, { answers, seconds: (performance.now() - started) / 1000 });
  }
  return answered;
}

function answersOf(
  arm: Arm,
  { generator, pairs, found, k, first, signal }: QuestionsParts & { readonly first: number },
): Promise<ScoredAnswer[]> {
  const group = pairs.slice(first, first + ANSWERS_AT_ONCE);
  return answerTogether([...group.entries()], async ([index, { question, task, answers }]) => {
    const passages = (found[first + index] ?? []).slice(0, k);
    const answer = await answerWith(arm, generator, { question, task, passages, signal });
    return { answer, ...scoreAnswer(answer, answers) };
  });
}

const rotated = <Item>(items: readonly Item[], by: number): readonly Item[] => {
  const start = Math.floor(by) % Math.max(1, items.length);
  return [...items.slice(start), ...items.slice(0, start)];
};
