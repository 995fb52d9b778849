import { sha256 } from "../../core/index.ts";
import { learningRateOf, type TuneSettings } from "../../ptuning/index.ts";
import type { Dataset, Experiment, ExperimentArm } from "./experiment.ts";

/** One training: an arm on a dataset with a seed. */
export interface TrainingCell {
  readonly dataset: Dataset;
  readonly arm: ExperimentArm & { readonly kind: "tune" };
  readonly seed: number;
}

/** One evaluation: an arm's answers to a dataset's test questions. */
export interface EvaluationCell {
  readonly dataset: Dataset;
  readonly arm: ExperimentArm;
  /** Of the training, or of the examples in the prompt; the first one where the arm has no chance in it. */
  readonly seed: number;
  readonly passages: number;
  readonly tokens: number | "all";
}

/**
 * Every evaluation of an experiment, dataset by dataset and arm by arm, so that what was trained for one is used at once. Combinations
 * that would answer the same are left out: seeds without training, numbers of passages without retrieval, tokens without a prompt.
 */
export function evaluationCells(experiment: Experiment): readonly EvaluationCell[] {
  const { datasets, arms, seeds, passages, tokens } = experiment;
  return datasets.flatMap((dataset) =>
    arms.flatMap((arm) => {
      const hasChance = arm.kind === "tune" || arm.kind === "few-shot";
      return (hasChance ? seeds : seeds.slice(0, 1)).flatMap((seed) =>
        (readsPassages(arm) ? passages : passages.slice(0, 1)).flatMap((count) =>
          (hasTokens(arm) ? tokens : (["all"] as const)).map((first) => ({
            dataset,
            arm,
            seed,
            passages: count,
            tokens: first,
          })),
        ),
      );
    }),
  );
}

export const readsPassages = ({ kind }: Pick<ExperimentArm, "kind">): boolean =>
  kind !== "no-retrieval" && kind !== "majority";

/** LoRA and full training change weights instead. */
const hasTokens = (arm: ExperimentArm): boolean =>
  arm.kind === "tune" && !["lora", "full"].includes(String(arm.settings["method"]));

/** What one number of passages of a dataset holds for its questions, whichever arm reads them. */
export type RetrievalCell = Pick<EvaluationCell, "dataset" | "passages">;

type NamedCell =
  | EvaluationCell
  | RetrievalCell
  | {
      readonly dataset: Pick<Dataset, "name" | "train" | "trainLimit" | "trainSeed">;
      readonly arm: Pick<ExperimentArm, "name">;
      readonly seed: number;
    };

/**
 * The {@link cellName} of a training, which knows nothing of the test questions. Its settings are all there are, so that a default that changes makes
 * another training of it.
 */
export function trainingName(
  { dataset, arm, seed }: TrainingCell,
  settings: TuneSettings,
  inputs: readonly string[],
): string {
  const { name, train, trainLimit, trainSeed } = dataset;
  const all = { ...settings, learningRate: learningRateOf(settings) };
  return cellName(
    "train",
    { dataset: { name, train, trainLimit, trainSeed }, arm: { name: arm.name }, seed },
    [...inputs, JSON.stringify(all)],
  );
}

/** A file name for what a cell gave: readable, and another one when anything about it changes. */
export function cellName(
  kind: "train" | "eval" | "retrieved",
  cell: NamedCell,
  inputs: readonly string[],
): string {
  const hash = sha256(JSON.stringify([kind, cell, inputs])).slice(0, 12);
  const own = "arm" in cell ? [cell.arm.name, cell.seed] : [];
  return [kind, cell.dataset.name, ...own, hash].join("-");
}
