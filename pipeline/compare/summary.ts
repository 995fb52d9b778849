import { groupBy } from "../../core/index.ts";
import { bootstrap, type Interval } from "../evaluation/intervals.ts";
import type { FailedCell } from "./cell-failures.ts";
import type { ComparedCell, Comparison } from "./compare.ts";
import type { Experiment, ExperimentArm } from "./experiment.ts";
import type { ModelSettings } from "./model-settings.ts";

/** An arm on one dataset with one number of passages and virtual tokens: means over seeds, intervals over questions. */
export interface ComparedArm {
  readonly dataset: string;
  readonly arm: string;
  readonly kind: ExperimentArm["kind"];
  readonly passages: number;
  readonly tokens: number | "all";
  readonly seeds: number;
  readonly em: Interval;
  readonly f1: Interval;
  /** Standard deviation of the F1 over seeds; 0 for one seed. */
  readonly f1OverSeeds: number;
  /** Over plain RAG with the same passages, where the experiment has it: paired by question. */
  readonly f1OverRag?: Interval;
  readonly emOverRag?: Interval;
  /** The F1 over plain RAG as a share of what all virtual tokens of the same prompt gain. Of trained arms. */
  readonly shareOfAllTokens?: number;
  /** The same as a share of what LoRA gains with the same passages, where the experiment trains it. Of trained arms. */
  readonly shareOfLora?: number;
  /** The scores of those questions whose passage was among those read, where questions name one. */
  readonly whereRetrieved?: { readonly questions: number } & Readonly<
    Record<"em" | "f1", Interval>
  >;
  readonly answerSeconds: number;
  readonly training?: ComparedTraining;
}

/** Means over seeds, unless said otherwise. */
export interface ComparedTraining {
  readonly trainedParameters: number;
  readonly trainedShare: number;
  readonly virtualTokens: number;
  /** Without reading passages. */
  readonly seconds: number;
  /** Of reading passages, of all seeds: it is paid by the first training that needs them. */
  readonly passageSeconds: number;
  /** The largest over seeds. */
  readonly peakMemoryBytes: number;
  readonly promptBytes: number;
  /** Of each seed. */
  readonly examples: readonly number[];
  /** Of each seed. */
  readonly lossCurves: readonly (readonly number[])[];
}

export interface Summary {
  readonly experiment: Experiment;
  readonly model: string;
  readonly modelSettings: ModelSettings;
  readonly questions: Readonly<Record<string, number>>;
  readonly arms: readonly ComparedArm[];
  readonly failed: readonly FailedCell[];
}

const BOOTSTRAP_SEED = 1;

/** Joins the seeds of each arm and compares the arms, question by question. */
export function summarize(experiment: Experiment, comparison: Comparison): Summary {
  const groups = groupBy(comparison.cells, ({ cell }) =>
    JSON.stringify([cell.dataset.name, cell.passages]),
  );
  const questions = [...comparison.questions].map(([name, pairs]) => [name, pairs.length]);
  return {
    experiment,
    model: comparison.model,
    modelSettings: comparison.modelSettings,
    questions: Object.fromEntries(questions),
    arms: [...groups.values()].flatMap((cells) =>
      withShares(summarizeGroup(cells, comparison.cells), experiment),
    ),
    failed: comparison.failed,
  };
}

/** Arms that read the same passages of the same dataset; what reads none joins every group of its dataset. */
function summarizeGroup(
  cells: readonly ComparedCell[],
  all: readonly ComparedCell[],
): readonly ComparedArm[] {
  const arms = groupBy(cells, ({ cell }) => keyOf(cell));
  const rag = all.filter(
    ({ cell }) =>
      cell.arm.kind === "rag" &&
      cell.dataset.name === cells[0]!.cell.dataset.name &&
      cell.passages === cells[0]!.cell.passages,
  );
  const baseline = rag.length > 0 ? "rag baseline" : undefined;
  const entries = [...arms, ...(baseline ? [[baseline, rag] as const] : [])];
  const scores = (pick: "em" | "f1") =>
    bootstrap({
      arms: new Map(entries.map(([key, own]) => [key, meanPerQuestion(own, pick)])),
      seed: BOOTSTRAP_SEED,
    });
  const [em, f1] = [scores("em"), scores("f1")];
  return [...arms].map(([key, own]) => {
    const { cell } = own[0]!;
    const isCompared = baseline !== undefined && cell.arm.kind !== "rag";
    const training = trainingOf(own);
    const whereRetrieved = scoresWhereRetrieved(own);
    return {
      dataset: cell.dataset.name,
      arm: cell.arm.name,
      kind: cell.arm.kind,
      passages: cell.passages,
      tokens: cell.tokens,
      seeds: own.length,
      em: em.arms.get(key)!,
      f1: f1.arms.get(key)!,
      f1OverSeeds: deviation(own.map((one) => mean(one.answered.answers.map((a) => a.f1)))),
      ...(isCompared && {
        f1OverRag: f1.difference(key, baseline),
        emOverRag: em.difference(key, baseline),
      }),
      ...(whereRetrieved ? { whereRetrieved } : {}),
      answerSeconds: mean(own.map(({ answered }) => answered.seconds)),
      ...(training ? { training } : {}),
    };
  });
}

/** Scores of the questions whose passage was read; undefined where there is none, or nobody knows. */
function scoresWhereRetrieved(cells: readonly ComparedCell[]): ComparedArm["whereRetrieved"] {
  const { retrieved } = cells[0]!;
  const questions = retrieved?.filter(Boolean).length ?? 0;
  if (questions === 0) return undefined;
  const interval = (pick: "em" | "f1") => {
    const values = meanPerQuestion(cells, pick).filter((_, question) => retrieved?.[question]);
    const { arms } = bootstrap({ arms: new Map([["own", values]]), seed: BOOTSTRAP_SEED });
    return arms.get("own")!;
  };
  return { questions, em: interval("em"), f1: interval("f1") };
}

/** Arms of one group, with their gain over plain RAG beside that of others. */
function withShares(arms: readonly ComparedArm[], experiment: Experiment): readonly ComparedArm[] {
  const methodOf = (name: string) => {
    const arm = experiment.arms.find((one) => one.name === name);
    return arm?.kind === "tune" ? arm.settings["method"] : undefined;
  };
  const gainOf = (arm: ComparedArm | undefined) => arm?.f1OverRag?.mean ?? 0;
  const lora = gainOf(arms.find(({ arm }) => methodOf(arm) === "lora"));
  return arms.map((arm) => {
    if (arm.kind !== "tune") return arm;
    const whole = gainOf(arms.find((one) => one.arm === arm.arm && one.tokens === "all"));
    // A share of nothing, or of a loss, says nothing.
    return {
      ...arm,
      ...(whole > 0 && { shareOfAllTokens: gainOf(arm) / whole }),
      ...(lora > 0 && { shareOfLora: gainOf(arm) / lora }),
    };
  });
}

const keyOf = ({ arm, tokens }: ComparedCell["cell"]): string => JSON.stringify([arm.name, tokens]);

/** The mean over seeds of each question's score. */
function meanPerQuestion(cells: readonly ComparedCell[], pick: "em" | "f1"): number[] {
  const answers = cells.map(({ answered }) => answered.answers);
  return answers[0]!.map((_, question) => mean(answers.map((own) => own[question]![pick])));
}

function trainingOf(cells: readonly ComparedCell[]): ComparedTraining | undefined {
  const trained = cells.flatMap((cell) => cell.trained ?? []);
  const [first] = trained;
  if (!first) return undefined;
  return {
    trainedParameters: first.trainedParameters,
    virtualTokens: first.virtualTokens,
    trainedShare: first.trainedParameters / first.allParameters,
    seconds: mean(trained.map(({ seconds }) => seconds)),
    passageSeconds: trained.reduce((sum, one) => sum + one.passageSeconds, 0),
    peakMemoryBytes: Math.max(...trained.map(({ peakMemoryBytes }) => peakMemoryBytes)),
    promptBytes: mean(trained.map(({ promptBytes }) => promptBytes)),
    examples: trained.map(({ examples }) => examples),
    lossCurves: trained.map(({ lossCurve }) => lossCurve),
  };
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

/** Of the sample; 0 for one value. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
