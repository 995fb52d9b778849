import { countedPassages } from "../passage-text.ts";
import type { AnsweredQuestion, Evaluation } from "./evaluate.ts";
import { answerCell, htmlPage, htmlTable, textCell } from "./html-page.ts";
import { ARM_COLUMNS, armRows, retrievalRows } from "./table.ts";

const STYLE = "body{max-width:70rem}";

/** The evaluation as one HTML page that needs nothing else. `name`: the question file's. */
export function htmlReport(result: Evaluation, name: string): string {
  const retrieval = retrievalRows(result);
  return htmlPage({
    title: `Evaluation on ${name}`,
    style: STYLE,
    body: `<p>${result.n} questions, answered by every arm from the same ${countedPassages(result.k)}. EM and F1 (0 to 100) with SQuAD normalisation; 95% paired bootstrap intervals over questions.</p>
${textTable("Arms", ARM_COLUMNS, armRows(result.arms))}
${retrieval.length > 0 ? textTable("Retrieval", ["measure", "value"], retrieval) : ""}
${answersTable(result)}`,
  });
}

const textTable = (
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string => htmlTable({ caption, head, rows: rows.map((row) => row.map(textCell)) });

function answersTable({ arms, questions }: Evaluation): string {
  const names = Object.keys(arms);
  return htmlTable({
    caption: "Answers",
    head: ["question", "accepted", ...names],
    rows: questions.map((question) => answerCells(question, names)),
  });
}

const answerCells = (
  { question, accepted, answers }: AnsweredQuestion,
  names: readonly string[],
): readonly string[] => [
  textCell(question),
  textCell(accepted.join(" / ")),
  ...names.map((name) => answerCell(answers[name]!.answer, answers[name]!)),
];
