import type { Evaluation } from "../pipeline/index.ts";

/** What `foreword eval --json --answers` prints. */
export type DemoEvaluation = Evaluation;

const EXAMPLES = 3;

/** One sentence: by how much the learned prompt changed the answers, and whether the intervals part. */
export function verdict({ arms }: DemoEvaluation): string {
  const [plain, learned] = [arms["rag"]!, arms["demo"]!];
  const isClear = learned.f1Interval[0] > plain.f1Interval[1];
  return `The same frozen model: F1 ${plain.f1.toFixed(1)} as plain RAG, ${learned.f1.toFixed(1)} with the learned prompt; the 95% intervals ${isClear ? "do not overlap" : "overlap"}.`;
}

/** Answers of plain RAG and of the learned prompt to questions spread evenly over the file, whoever did better. */
export function sideBySide({ questions }: DemoEvaluation): string {
  const chosen = Array.from(
    { length: EXAMPLES },
    (_, index) => questions[Math.floor(((index + 0.5) * questions.length) / EXAMPLES)]!,
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
