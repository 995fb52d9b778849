import { type AnswerSample, answerSample, type ScoredAnswer } from "./answers.ts";
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
import { escaped } from "./plots.ts";
import type { Summary } from "./summary.ts";

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;margin:1rem 0;width:100%;font-size:14px}th,td{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top}
td.right{background:#e2f3e4}td.part{background:#fdf6dd}.scores{overflow-x:auto}.scores td{white-space:nowrap}.plots{display:flex;flex-wrap:wrap;gap:1rem}svg{flex:1 1 30rem;max-width:640px;min-width:0;font:12px system-ui,sans-serif;fill:currentColor}
svg .title{font-weight:600;font-size:14px}svg .grid{stroke:#8884}details{margin:1rem 0}summary{cursor:pointer;font-weight:600}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#444}td.right{background:#1d3a22}td.part{background:#3d3616}}`;

/** The comparison as one HTML page that needs nothing else. */
export function htmlComparison(summary: Summary, comparison: Comparison): string {
  const { name, datasets } = summary.experiment;
  const sections = datasets.map((dataset) => datasetSection(dataset.name, summary, comparison));
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(name)}</title><style>${STYLE}</style></head><body>
<h1>${escaped(name)}</h1>
<p>Model: ${escaped(modelText(summary.model, summary.modelSettings))}. ${escaped(NOTE)}</p>
${failureSection(summary)}
${sections.join("\n")}
</body></html>
`;
}

function failureSection({ failed }: Summary): string {
  if (failed.length === 0) return "";
  const rows = failed.map(
    (one) => `<tr>${tableCell(failedName(one))}${tableCell(one.reason)}</tr>`,
  );
  return `<h2>Failed</h2>
<p>${escaped(FAILURE_NOTE)}</p>
<table><thead><tr><th>cell</th><th>reason</th></tr></thead><tbody>${rows.join("\n")}</tbody></table>`;
}

function datasetSection(name: string, summary: Summary, comparison: Comparison): string {
  const arms = summary.arms.filter(({ dataset }) => dataset === name);
  const table = armTable(arms);
  const rows = table.rows.map((row) => `<tr>${row.map(tableCell).join("")}</tr>`);
  const head = table.head.map((column) => `<th>${escaped(column)}</th>`).join("");
  return `<h2>${escaped(name)}</h2>
<p>${summary.questions[name]} test questions${escaped(trainedOn(arms) + retrievedFor(arms))}.</p>
<div class="scores"><table><thead><tr>${head}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>
<div class="plots">${datasetPlots(arms)
    .map(({ svg }) => svg)
    .join("\n")}</div>
${answersTable(answerSample(comparison, name))}`;
}

const tableCell = (text: string) => `<td>${escaped(text)}</td>`;

/** What each arm answered; questions on which the arms differ come first. */
function answersTable({ arms, rows, questions }: AnswerSample): string {
  const head = ["question", "accepted", ...arms]
    .map((cell) => `<th>${escaped(cell)}</th>`)
    .join("");
  const body = rows.map(({ pair, answers }) => {
    const texts = [pair.question, pair.answers.join(" / ")].map((text) =>
      tableCell(text.slice(0, LISTED_CHARACTERS)),
    );
    return `<tr>${texts.join("")}${answers.map(answerCell).join("")}</tr>`;
  });
  return `<details><summary>Answers, those that differ most first (${rows.length} of ${questions})</summary><table><thead><tr>${head}</tr></thead><tbody>${body.join("\n")}</tbody></table></details>`;
}

function answerCell({ answer, em, f1 }: ScoredAnswer): string {
  const mark = em > 0 ? ' class="right"' : f1 >= 50 ? ' class="part"' : "";
  return `<td${mark}>${escaped(answer.slice(0, LISTED_CHARACTERS))}</td>`;
}
