import type { Interval } from "../evaluation/intervals.ts";
import type { ComparedArm, Summary } from "./summary.ts";

/** Heads of {@link armCells}. */
export const COLUMNS = [
  "arm",
  "passages",
  "tokens",
  "EM",
  "F1",
  "F1 over plain RAG",
  "of all tokens' gain",
  "of LoRA's gain",
  "trained",
  "share",
  "training",
  "peak memory",
  "file",
] as const;

/** One arm as words, in the order of {@link COLUMNS}. */
export function armCells(arm: ComparedArm): readonly string[] {
  const { training } = arm;
  return [
    arm.seeds > 1 ? `${arm.arm} (${arm.seeds} seeds)` : arm.arm,
    arm.kind === "no-retrieval" ? "-" : String(arm.passages),
    arm.kind === "tune" ? String(arm.tokens) : "-",
    withRange(arm.em),
    arm.seeds > 1 ? `${withRange(arm.f1)} ±${arm.f1OverSeeds.toFixed(1)}` : withRange(arm.f1),
    arm.f1OverRag ? signed(arm.f1OverRag) : "-",
    percent(arm.shareOfAllTokens),
    percent(arm.shareOfLora),
    training ? training.trainedParameters.toLocaleString("en-US") : "-",
    training ? `${(100 * training.trainedShare).toFixed(3)}%` : "-",
    training ? duration(training.seconds) : "-",
    training ? megabytes(training.peakMemoryBytes) : "-",
    training ? kilobytes(training.promptBytes) : "-",
  ];
}

/** The comparison as Markdown: one table a dataset. */
export function markdownReport(summary: Summary): string {
  const parts = [`# ${summary.experiment.name}`, "", `Model: ${summary.model}. ${NOTE}`];
  for (const { name } of summary.experiment.datasets) {
    const arms = summary.arms.filter(({ dataset }) => dataset === name);
    parts.push(
      "",
      `## ${name}`,
      "",
      `${summary.questions[name]} test questions${trainedOn(arms)}.`,
    );
    parts.push("", row(COLUMNS), row(COLUMNS.map(() => "---")));
    parts.push(...arms.map((arm) => row(armCells(arm))));
  }
  return `${parts.join("\n")}\n`;
}

/** What the numbers are. */
export const NOTE =
  "EM and F1 are 0 to 100 with SQuAD normalisation, means over seeds (± standard deviation over seeds), with 95% paired bootstrap intervals over questions. Training time includes scoring held-out pairs, but not reading passages, which trainings share (where passages' keys and values change, reading is part of training); peak memory is that of the whole process.";

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;

export function trainedOn(arms: readonly ComparedArm[]): string {
  const examples = [...new Set(arms.flatMap(({ training }) => training?.examples ?? []))];
  return examples.length > 0 ? `, trained on ${examples.join(" or ")} examples` : "";
}

export const withRange = ({ mean, low, high }: Interval): string =>
  `${mean.toFixed(1)} (${low.toFixed(1)}–${high.toFixed(1)})`;

function signed({ mean, low, high }: Interval): string {
  const sign = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(1)}`;
  return `${sign(mean)} (${sign(low)} to ${sign(high)})`;
}

const percent = (share: number | undefined): string =>
  share === undefined ? "-" : `${Math.round(100 * share)}%`;

function duration(seconds: number): string {
  return seconds < 90 ? `${seconds.toFixed(0)} s` : `${(seconds / 60).toFixed(1)} min`;
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;
const kilobytes = (bytes: number): string =>
  bytes < 2 ** 20 ? `${Math.ceil(bytes / 1024)} KB` : megabytes(bytes);
