import type { QaPair } from "../../ptuning/index.ts";
import type { Comparison } from "./compare.ts";
import { withMostTokens } from "./most-tokens.ts";

/** At most so many questions are listed to be read; they are a sample, the scores are in the tables. */
const LISTED_QUESTIONS = 100;

/** One answer and its scores, 0 to 100. */
export interface ScoredAnswer {
  readonly answer: string;
  readonly em: number;
  readonly f1: number;
}

/** What each arm answered to some questions, to be read: one column an arm. */
export interface AnswerSample {
  readonly arms: readonly string[];
  readonly rows: readonly {
    readonly pair: QaPair;
    readonly answers: readonly ScoredAnswer[];
  }[];
  /** Of how many questions these are a sample. */
  readonly questions: number;
}

/**
 * The questions of a dataset on which the arms differ most, those first. Of each arm its first seed, with the first number of passages
 * and the most virtual tokens.
 */
export function answerSample({ cells, questions }: Comparison, dataset: string): AnswerSample {
  const arms = withMostTokens(
    cells.filter(({ cell }) => cell.dataset.name === dataset),
    ({ cell }) => cell.arm.name,
    ({ cell }) => cell.tokens,
  );
  const rows = (questions.get(dataset) ?? []).map((pair, index) => {
    const answers = arms.map(({ answered }) => answered.answers[index]!);
    const f1s = answers.map(({ f1 }) => f1);
    return { pair, answers, spread: Math.max(...f1s) - Math.min(...f1s) };
  });
  rows.sort((a, b) => b.spread - a.spread);
  return {
    arms: arms.map(({ cell }) => cell.arm.name),
    rows: rows.slice(0, LISTED_QUESTIONS),
    questions: rows.length,
  };
}

/** Every answer of every arm, seed, number of passages and of virtual tokens: a line a question, as JSON. */
export function answerLines({ cells, questions }: Comparison): string {
  const lines = [...questions].flatMap(([dataset, pairs]) => {
    const own = cells.filter(({ cell }) => cell.dataset.name === dataset);
    return pairs.map(({ id, question, answers: accepted }, index) => {
      const answers = own.map(({ cell, answered }) => {
        const { arm, seed, passages, tokens } = cell;
        const { answer, em, f1 } = answered.answers[index]!;
        return { arm: arm.name, seed, passages, tokens, answer, em, f1 };
      });
      return `${JSON.stringify({ dataset, id, question, accepted, answers })}\n`;
    });
  });
  return lines.join("");
}
