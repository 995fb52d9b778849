import { answerCell, escaped, htmlPage, htmlTable, textCell } from "../evaluation/html-page.ts";
import { type AnswerSample, answerSample } from "./answers.ts";
import { failedName } from "./cell-failures.ts";
import type { Comparison } from "./compare.ts";
import { datasetPlots } from "./dataset-plots.ts";
import {
  armTable,
  FAILURE_NOTE,
  LISTED_CHARACTERS,
  NOTE,
  retrievedFor,
  trainedOn,
} from "./markdown.ts";
import { modelText } from "./model-settings.ts";
import type { Summary } from "./summary.ts";

const STYLE = `body{max-width:76rem}table{font-size:14px}.scores{overflow-x:auto}.scores td{white-space:nowrap}.plots{display:flex;flex-wrap:wrap;gap:1rem}svg{flex:1 1 30rem;max-width:640px;min-width:0;font:12px system-ui,sans-serif;fill:currentColor}
svg .title{font-weight:600;font-size:14px}svg .grid{stroke:#8884}details{margin:1rem 0}summary{cursor:pointer;font-weight:600}`;

/** The comparison as one HTML page that needs nothing else. */
export function htmlComparison(summary: Summary, comparison: Comparison): string {
  const { name, datasets } = summary.experiment;
  const sections = datasets.map((dataset) => datasetSection(dataset.name, summary, comparison));
  return htmlPage({
    title: name,
    style: STYLE,
    body: `<p>Model: ${escaped(modelText(summary.model, summary.modelSettings))}. ${escaped(NOTE)}</p>
${failureSection(summary)}
${sections.join("\n")}`,
  });
}

function failureSection({ failed }: Summary): string {
  if (failed.length === 0) return "";
  const rows = failed.map((one) => [textCell(failedName(one)), textCell(one.reason)]);
  return `<h2>Failed</h2>
<p>${escaped(FAILURE_NOTE)}</p>
${htmlTable({ head: ["cell", "reason"], rows })}`;
}

function datasetSection(name: string, summary: Summary, comparison: Comparison): string {
  const arms = summary.arms.filter(({ dataset }) => dataset === name);
  const { head, rows } = armTable(arms);
  return `<h2>${escaped(name)}</h2>
<p>${summary.questions[name]} test questions${escaped(trainedOn(arms) + retrievedFor(arms))}.</p>
<div class="scores">${htmlTable({ head, rows: rows.map((row) => row.map(textCell)) })}</div>
<div class="plots">${datasetPlots(arms)
    .map(({ svg }) => svg)
    .join("\n")}</div>
${answersTable(answerSample(comparison, name))}`;
}

/** What each arm answered; questions on which the arms differ come first. */
function answersTable({ arms, rows, questions }: AnswerSample): string {
  const table = htmlTable({
    head: ["question", "accepted", ...arms],
    rows: rows.map(({ pair, answers }) => [
      textCell(listed(pair.question)),
      textCell(listed(pair.answers.join(" / "))),
      ...answers.map((one) => answerCell(listed(one.answer), one)),
    ]),
  });
  return `<details><summary>Answers, those that differ most first (${rows.length} of ${questions})</summary>${table}</details>`;
}

const listed = (text: string): string => text.slice(0, LISTED_CHARACTERS);
