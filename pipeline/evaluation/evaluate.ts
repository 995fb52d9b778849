import type { Generator } from "../../generator/index.ts";
import {
  ANSWERS_AT_ONCE,
  type AnswerScore,
  answerTogether,
  meanScore,
  type QaPair,
  scoreAnswer,
} from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import { type Arm, answerWith } from "./arms.ts";
import { bootstrap, type Interval } from "./intervals.ts";
import { relevantPassages } from "./relevance.ts";
import { type RetrievalMetrics, retrievalMetrics } from "./retrieval-metrics.ts";

/** One arm's scores (0 to 100) with 95% intervals, and the seconds its answers took. */
export interface ArmResult {
  readonly em: number;
  readonly f1: number;
  readonly emInterval: readonly [low: number, high: number];
  readonly f1Interval: readonly [low: number, high: number];
  /** This arm minus plain RAG over the same questions, where both were run. */
  readonly f1OverRag?: Interval;
  readonly emOverRag?: Interval;
  readonly seconds: number;
}

/** What one question was answered by each arm. */
export interface AnsweredQuestion {
  readonly id: string;
  readonly question: string;
  readonly accepted: readonly string[];
  readonly answers: Readonly<Record<string, ScoredAnswer>>;
}

export type ScoredAnswer = { readonly answer: string } & AnswerScore;

export interface Evaluation {
  readonly n: number;
  readonly k: number;
  readonly arms: Readonly<Record<string, ArmResult>>;
  /** Absent when the question file does not say where the answers are. */
  readonly retrieval?: RetrievalMetrics;
  readonly questions: readonly AnsweredQuestion[];
}

export interface EvaluationParts {
  readonly generator: Generator;
  readonly arms: readonly Arm[];
  readonly pairs: readonly QaPair[];
  /** For each pair, best first: at least 10 where there are so many. */
  readonly found: readonly (readonly Passage[])[];
  /** Passages the model reads. */
  readonly k: number;
  readonly seed: number;
  readonly onQuestion?: (done: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Answers the same questions from the same passages with every arm. Questions are taken a few at a time: an arm answers those together,
 * then the next arm does, so that arms share the cached passages and a machine that slows down slows all of them. The
 * arm that comes first with passages pays for reading them: its turn goes round.
 * @throws RagError context/overflow, engine/failed
 */
export async function evaluate(parts: EvaluationParts): Promise<Evaluation> {
  const { arms, pairs, k, signal } = parts;
  const seconds = new Map(arms.map(({ name }) => [name, 0]));
  const questions: AnsweredQuestion[] = [];
  for (let first = 0; first < pairs.length; first += ANSWERS_AT_ONCE) {
    signal?.throwIfAborted();
    const group = pairs.slice(first, first + ANSWERS_AT_ONCE);
    const byArm = new Map<string, readonly ScoredAnswer[]>();
    for (const arm of rotated(arms, first / ANSWERS_AT_ONCE)) {
      const started = performance.now();
      byArm.set(arm.name, await answerGroup(parts, arm, { first, group }));
      seconds.set(arm.name, seconds.get(arm.name)! + (performance.now() - started) / 1000);
    }
    for (const [index, { id, question, answers: accepted }] of group.entries()) {
      const entries = arms.map(({ name }) => [name, byArm.get(name)![index]!]);
      questions.push({ id, question, accepted, answers: Object.fromEntries(entries) });
    }
    parts.onQuestion?.(questions.length);
  }
  const retrieval = retrievalOf(parts);
  return {
    n: pairs.length,
    k,
    arms: armResults(parts, questions, seconds),
    ...(retrieval ? { retrieval } : {}),
    questions,
  };
}

function answerGroup(
  { generator, found, k, signal }: EvaluationParts,
  arm: Arm,
  { first, group }: { readonly first: number; readonly group: readonly QaPair[] },
): Promise<ScoredAnswer[]> {
  return answerTogether([...group.entries()], async ([index, { question, task, answers }]) => {
    const passages = (found[first + index] ?? []).slice(0, k);
    const answer = await answerWith(arm, generator, { question, task, passages, signal });
    return { answer, ...scoreAnswer(answer, answers) };
  });
}

const rotated = <Item>(items: readonly Item[], by: number): readonly Item[] => {
  const start = by % Math.max(1, items.length);
  return [...items.slice(start), ...items.slice(0, start)];
};

function armResults(
  { arms, seed }: EvaluationParts,
  questions: readonly AnsweredQuestion[],
  seconds: ReadonlyMap<string, number>,
): Record<string, ArmResult> {
  const scoresOf = (name: string) => questions.map(({ answers }) => answers[name]!);
  const values = (pick: (score: AnswerScore) => number) =>
    new Map(arms.map(({ name }) => [name, scoresOf(name).map(pick)]));
  const em = bootstrap({ arms: values((score) => score.em), seed });
  const f1 = bootstrap({ arms: values((score) => score.f1), seed });
  const hasRag = arms.some(({ name }) => name === "rag");
  const entries = arms.map(({ name }): [string, ArmResult] => {
    const mean = meanScore(scoresOf(name));
    const isCompared = hasRag && name !== "rag";
    return [
      name,
      {
        em: mean.em,
        f1: mean.f1,
        emInterval: ends(em.arms.get(name)!),
        f1Interval: ends(f1.arms.get(name)!),
        ...(isCompared && {
          emOverRag: em.difference(name, "rag"),
          f1OverRag: f1.difference(name, "rag"),
        }),
        seconds: seconds.get(name)!,
      },
    ];
  });
  return Object.fromEntries(entries);
}

const ends = ({ low, high }: Interval): readonly [number, number] => [low, high];

function retrievalOf({ pairs, found }: EvaluationParts): RetrievalMetrics | undefined {
  const queries = pairs.map((pair, index) => relevantPassages(pair, found[index] ?? []));
  const metrics = retrievalMetrics(queries);
  return metrics.queries > 0 ? metrics : undefined;
}
