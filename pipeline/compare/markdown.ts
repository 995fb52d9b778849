import { signedInterval } from "../evaluation/interval-text.ts";
import type { Interval } from "../evaluation/intervals.ts";
import { countedPassages } from "../passage-text.ts";
import { answerSample } from "./answers.ts";
import { failedName } from "./cell-failures.ts";
import { readsPassages } from "./cells.ts";
import type { Comparison } from "./compare.ts";
import { modelText } from "./model-settings.ts";
import type { ComparedArm, ComparedTraining, Summary } from "./summary.ts";

interface Column {
  readonly head: string;
  readonly cell: (arm: ComparedArm) => string;
}

const NOTHING = "-";

const COLUMNS: readonly Column[] = [
  { head: "arm", cell: ({ arm, seeds }) => (seeds > 1 ? `${arm} (${seeds} seeds)` : arm) },
  {
    head: "passages",
    cell: (arm) => (readsPassages(arm) ? String(arm.passages) : NOTHING),
  },
  { head: "tokens", cell: ({ kind, tokens }) => (kind === "tune" ? String(tokens) : NOTHING) },
  { head: "EM", cell: ({ em }) => withRange(em) },
  {
    head: "F1",
    cell: ({ f1, seeds, f1OverSeeds }) =>
      seeds > 1 ? `${withRange(f1)} ±${f1OverSeeds.toFixed(1)}` : withRange(f1),
  },
  {
    head: "EM, F1 where retrieved",
    cell: ({ whereRetrieved: own }) =>
      own ? `${withRange(own.em)}, ${withRange(own.f1)}` : NOTHING,
  },
  {
    head: "F1 over plain RAG",
    cell: ({ f1OverRag }) => (f1OverRag ? signedInterval(f1OverRag) : NOTHING),
  },
  {
    head: "of all tokens' gain",
    cell: ({ tokens, shareOfAllTokens }) =>
      tokens === "all" ? NOTHING : percent(shareOfAllTokens),
  },
  { head: "of LoRA's gain", cell: ({ shareOfLora }) => percent(shareOfLora) },
  ofTraining("trained", ({ trainedParameters }) => trainedParameters.toLocaleString("en-US")),
  ofTraining("share", ({ trainedShare }) => `${(100 * trainedShare).toFixed(3)}%`),
  ofTraining("training", ({ seconds }) => duration(seconds)),
  ofTraining("peak memory", ({ peakMemoryBytes }) => megabytes(peakMemoryBytes)),
  ofTraining("file", ({ promptBytes }) => kilobytes(promptBytes)),
];

function ofTraining(head: string, cell: (training: ComparedTraining) => string): Column {
  return { head, cell: ({ training }) => (training ? cell(training) : NOTHING) };
}

/** Arms as a table of words; a column in which no arm has anything is left out. */
export function armTable(arms: readonly ComparedArm[]): {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
} {
  const shown = COLUMNS.filter(({ cell }) => arms.some((arm) => cell(arm) !== NOTHING));
  return {
    head: shown.map(({ head }) => head),
    rows: arms.map((arm) => shown.map(({ cell }) => cell(arm))),
  };
}

/** The comparison as Markdown: one table a dataset. */
export function markdownReport(summary: Summary): string {
  const model = modelText(summary.model, summary.modelSettings);
  const parts = [`# ${summary.experiment.name}`, "", `Model: ${model}. ${NOTE}`];
  if (summary.failed.length > 0) {
    parts.push("", "## Failed", "", FAILURE_NOTE, "");
    parts.push(...summary.failed.map((one) => `* ${plain(`${failedName(one)}: ${one.reason}`)}`));
  }
  for (const { name } of summary.experiment.datasets) {
    const arms = summary.arms.filter(({ dataset }) => dataset === name);
    parts.push(
      "",
      `## ${name}`,
      "",
      `${summary.questions[name]} test questions${trainedOn(arms)}${retrievedFor(arms)}.`,
    );
    const { head, rows } = armTable(arms);
    parts.push("", row(head), row(head.map(() => "---")), ...rows.map(row));
  }
  return `${parts.join("\n")}\n`;
}

/** Of a question or an answer that is listed to be read. */
export const LISTED_CHARACTERS = 300;

/** What each arm answered, question by question, as Markdown: those on which the arms differ most, a right answer in bold. */
export function markdownAnswers({ experiment }: Summary, comparison: Comparison): string {
  const parts = [`# ${experiment.name}: answers`, "", "Those that differ most come first."];
  for (const { name } of experiment.datasets) {
    const { arms, rows, questions } = answerSample(comparison, name);
    const head = ["question", "accepted", ...arms.map(plain)];
    const body = rows.map(({ pair, answers }) => [
      ...[pair.question, pair.answers.join(" / ")].map(listed),
      ...answers.map(({ answer, em, f1 }) => {
        const text = listed(answer);
        return `${em > 0 && text ? `**${text}**` : text} (F1 ${Math.round(f1)})`;
      }),
    ]);
    parts.push("", `## ${name}`, "", `${rows.length} of ${questions} questions.`, "");
    parts.push(...[head, head.map(() => "---"), ...body].map(row));
  }
  return `${parts.join("\n")}\n`;
}

/** As much of a question or an answer as is listed. */
const listed = (text: string): string => plain(text.slice(0, LISTED_CHARACTERS));

/** A model's or somebody's text on one line, also inside a table cell, where none of it is markup. */
const plain = (text: string): string =>
  text
    .replace(/\s+/g, " ")
    .trim()
    .replace(/[\\`*_{}[\]<>()#+!|~&]/g, "\\$&");

/** What stands above the list of failed cells. */
export const FAILURE_NOTE =
  'These have no result and are in no table; run the comparison again to try them again. A flag that a reason names is a key of "settings" in the experiment.';

/** What the numbers are. */
export const NOTE =
  "EM and F1 are 0 to 100 with SQuAD normalisation, means over seeds (± standard deviation over seeds), with 95% paired bootstrap intervals over questions. Training time includes scoring held-out pairs, but not reading passages, which trainings share (where passages' keys and values change, reading is part of training); peak memory is that of the whole process, the largest over seeds, and of a training that was interrupted only since it went on.";

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

/** How many examples the trainings had, of all seeds. */
export function trainedOn(arms: readonly ComparedArm[]): string {
  const examples = arms.flatMap(({ training }) => training?.examples ?? []);
  if (examples.length === 0) return "";
  const [least, most] = [Math.min(...examples), Math.max(...examples)];
  return `, trained on ${least === most ? least : `${least}–${most}`} examples`;
}

/** For how many questions their passage was among those read. */
export function retrievedFor(arms: readonly ComparedArm[]): string {
  const counts = new Map(
    arms.flatMap(({ passages, whereRetrieved: own }) => (own ? [[passages, own.questions]] : [])),
  );
  return [...counts]
    .map(
      ([passages, count]) =>
        `; with ${countedPassages(passages)} the right one was retrieved for ${count}`,
    )
    .join("");
}

const withRange = ({ mean, low, high }: Interval): string =>
  `${mean.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`;

const percent = (share: number | undefined): string =>
  share === undefined ? NOTHING : `${Math.round(100 * share)}%`;

function duration(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`;
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
const kilobytes = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KB` : megabytes(bytes);
