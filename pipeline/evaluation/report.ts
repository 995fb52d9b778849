import { countedPassages } from "../passage-text.ts";
import type { AnsweredQuestion, Evaluation } from "./evaluate.ts";
import { ARM_COLUMNS, armRows, retrievalRows } from "./table.ts";

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top}
td.right{background:#e2f3e4}td.part{background:#fdf6dd}caption{text-align:left;font-weight:600}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#444}td.right{background:#1d3a22}td.part{background:#3d3616}}`;

/** The evaluation as one HTML page that needs nothing else. `name`: the question file's. */
export function htmlReport(result: Evaluation, name: string): string {
  const retrieval = retrievalRows(result);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Evaluation on ${escaped(name)}</title><style>${STYLE}</style></head><body>
<h1>Evaluation on ${escaped(name)}</h1>
<p>${result.n} questions, answered by every arm from the same ${countedPassages(result.k)}. EM and F1 (0 to 100) with SQuAD normalisation; 95% paired bootstrap intervals over questions.</p>
${htmlTable("Arms", ARM_COLUMNS, armRows(result.arms))}
${retrieval.length > 0 ? htmlTable("Retrieval", ["measure", "value"], retrieval) : ""}
${answersTable(result)}
</body></html>
`;
}

function htmlTable(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const cells = (row: readonly string[], tag: string) =>
    row.map((cell) => `<${tag}>${escaped(cell)}</${tag}>`).join("");
  const body = rows.map((row) => `<tr>${cells(row, "td")}</tr>`).join("\n");
  return `<table><caption>${escaped(caption)}</caption><thead><tr>${cells(head, "th")}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

function answersTable({ arms, questions }: Evaluation): string {
  const names = Object.keys(arms);
  const head = ["question", "accepted", ...names]
    .map((cell) => `<th>${escaped(cell)}</th>`)
    .join("");
  const rows = questions.map((question) => `<tr>${answerCells(question, names)}</tr>`).join("\n");
  return `<table><caption>Answers</caption><thead><tr>${head}</tr></thead><tbody>\n${rows}\n</tbody></table>`;
}

function answerCells(
  { question, accepted, answers }: AnsweredQuestion,
  names: readonly string[],
): string {
  const own = names.map((name) => {
    const { answer, em, f1 } = answers[name]!;
    const mark = em > 0 ? ' class="right"' : f1 >= 50 ? ' class="part"' : "";
    return `<td${mark}>${escaped(answer)}</td>`;
  });
  return `<td>${escaped(question)}</td><td>${escaped(accepted.join(" / "))}</td>${own.join("")}`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

const escaped = (text: string) => text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
