import type { Evaluation } from "../pipeline/evaluation/evaluate.ts";

/** What `foreword eval --json --answers` prints. */
export type DemoEvaluation = Evaluation;

const EXAMPLES = 3;

/** One sentence: by how much the learned prompt changed the answers, and whether the intervals part. */
export function verdict({ arms }: DemoEvaluation): string {
  const [plain, learned] = [arms["rag"]!, arms["demo"]!];
  const isClear = learned.f1Interval[0] > plain.f1Interval[1];
  return `The same frozen model: F1 ${plain.f1.toFixed(1)} as plain RAG, ${learned.f1.toFixed(1)} with the learned prompt; the 95% intervals ${isClear ? "do not overlap" : "overlap"}.`;
}

/**
 * Answers of plain RAG and of the learned prompt to three questions: those in the middle of the best, the middle and the worst third
 * by the learned prompt's F1, so that what is shown is neither the best nor the worst of it.
 */
export function sideBySide({ questions }: DemoEvaluation): string {
  const best = questions.toSorted((a, b) => b.answers["demo"]!.f1 - a.answers["demo"]!.f1);
  const chosen = Array.from(
    { length: EXAMPLES },
    (_, index) => best[Math.floor(((index + 0.5) * best.length) / EXAMPLES)]!,
  );
  return chosen
    .map(({ question, accepted, answers }) =>
      [
        question,
        `  plain RAG       ${oneLine(answers["rag"]!.answer)}`,
        `  learned prompt  ${oneLine(answers["demo"]!.answer)}`,
        `  expected        ${accepted[0]}`,
      ].join("\n"),
    )
    .join("\n\n");
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").trim();
