import { ANSWERS_AT_ONCE, type AnswerScore, meanScore } from "../../ptuning/index.ts";
import {
  answerGroup,
  type GroupAnswers,
  inTurn,
  type QuestionsParts,
  type ScoredAnswer,
} from "./answer-group.ts";
import { type Arm, withLikeLengths } from "./arms.ts";
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

export interface Evaluation {
  readonly n: number;
  readonly k: number;
  readonly arms: Readonly<Record<string, ArmResult>>;
  /** Of the questions whose answer is known; absent where there are none. */
  readonly retrieval?: RetrievalMetrics;
  readonly questions: readonly AnsweredQuestion[];
}

export interface EvaluationParts extends QuestionsParts {
  /** Of different names. */
  readonly arms: readonly Arm[];
  readonly seed: number;
  readonly onQuestion?: (done: number) => void;
}

/**
 * Answers the same questions from the same passages with every arm.
 * @throws RagError context/overflow, engine/failed
 */
export async function evaluate(parts: EvaluationParts): Promise<Evaluation> {
  const { pairs, k } = parts;
  const arms = withLikeLengths(parts.arms);
  const seconds = new Map(arms.map(({ name }) => [name, 0]));
  const questions: AnsweredQuestion[] = [];
  for (let first = 0; first < pairs.length; first += ANSWERS_AT_ONCE) {
    const answered = new Map<string, GroupAnswers>();
    for (const arm of inTurn(arms, first)) {
      const own = await answerGroup(arm, { ...parts, first });
      answered.set(arm.name, own);
      seconds.set(arm.name, seconds.get(arm.name)! + own.seconds);
    }
    const group = pairs.slice(first, first + ANSWERS_AT_ONCE);
    for (const [index, { id, question, answers: accepted }] of group.entries()) {
      const entries = arms.map(({ name }) => [name, answered.get(name)!.answers[index]!]);
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
