import { rm } from "node:fs/promises";
import { groupBy, RagError } from "../../core/index.ts";
import type { Generator } from "../../generator/index.ts";
import { isQuestion, type QaPair, taskOfPairs } from "../../ptuning/index.ts";
import { answerCells } from "./answer-cells.ts";
import { CellFailures, type FailedCell } from "./cell-failures.ts";
import { type AnsweredResult, CellStore, type TrainedResult } from "./cell-store.ts";
import { type EvaluationCell, evaluationCells, readsPassages, type TrainingCell } from "./cells.ts";
import type { CompareEvent } from "./compare-events.ts";
import { ComparisonData, type LoadedDataset, type RetrieveFor } from "./comparison-data.ts";
import { ComparedModel, type ComparisonParts } from "./comparison-parts.ts";
import type { Dataset, Experiment } from "./experiment.ts";
import { type ModelSettings, modelInputs } from "./model-settings.ts";
import { retrievedQuestions } from "./retrieved-questions.ts";
import { passageFolder, type TrainedPromptOf, trainCell } from "./train-cell.ts";

/** What the comparison needs of the program around it. */
export interface CompareOptions {
  readonly experiment: Experiment;
  /** Results, trained prompts. */
  readonly outFolder: string;
  /** Where the experiment's question files are. */
  readonly dataFolder: string;
  /** Opens the model. Each training gets a fresh one, so that memory is its own. */
  readonly openGenerator: () => Promise<Generator>;
  /** How it opens it. */
  readonly modelSettings: ModelSettings;
  /** Fails where there is nothing to search for a dataset's questions. */
  readonly requireStore: (dataset: Dataset) => Promise<void>;
  readonly retrieve: RetrieveFor;
  /** What a dataset's passages depend on beside the question; another text makes its results new ones. */
  readonly retrievalOf: (dataset: Dataset) => Promise<string>;
  readonly signal: AbortSignal;
}

/** One evaluated cell with what its training cost. */
export interface ComparedCell {
  readonly cell: EvaluationCell;
  readonly answered: AnsweredResult;
  /** For which questions the passage they name was among those read, where questions name one. */
  readonly retrieved?: readonly boolean[];
  readonly trained?: TrainedResult;
}

/** Everything measured, and the questions it was measured on. */
export interface Comparison {
  readonly model: string;
  readonly modelSettings: ModelSettings;
  readonly questions: ReadonlyMap<string, readonly QaPair[]>;
  readonly cells: readonly ComparedCell[];
  /** Those without a result. */
  readonly failed: readonly FailedCell[];
}

/**
 * Runs every cell of an experiment that has no result yet, and returns all of them: dataset by dataset, first the trainings, which share
 * the keys and values of passages on disk, then the answers, which share them in memory. Stopped at any time, it goes on where
 * it was. A cell that fails is told and left out, and tried again by the next run, see {@link CellFailures}.
 * @throws RagError qa/*, config/invalid, model/*, store/*, file/*, engine/failed: what no cell can do without
 */
export async function* compare(options: CompareOptions): AsyncGenerator<CompareEvent, Comparison> {
  const { experiment, outFolder, dataFolder, openGenerator, modelSettings } = options;
  const { retrieve, retrievalOf, signal } = options;
  const total = evaluationCells(experiment).length;
  let done = 0;
  const parts: ComparisonParts = {
    ...{ experiment, outFolder, modelSettings, retrievalOf, signal },
    store: new CellStore(outFolder),
    data: new ComparisonData(dataFolder, retrieve, signal),
    model: new ComparedModel(openGenerator),
    failures: new CellFailures(signal),
    count: (evaluations = 1) => {
      done += evaluations;
      return { done, cells: total };
    },
  };
  try {
    await requireOneTask(experiment, parts.data);
    for (const dataset of experiment.datasets) {
      if (isAsked(await parts.data.dataset(dataset))) await options.requireStore(dataset);
    }
    const cells: ComparedCell[] = [];
    for (const dataset of experiment.datasets) cells.push(...(yield* compareOn(dataset, parts)));
    const { model } = await parts.model.open();
    return {
      ...{ model: model.name, modelSettings },
      ...{ questions: parts.data.questions(), cells, failed: parts.failures.cells },
    };
  } finally {
    await parts.model.close();
  }
}

async function* compareOn(
  dataset: Dataset,
  parts: ComparisonParts,
): AsyncGenerator<CompareEvent, readonly ComparedCell[]> {
  const { experiment, outFolder } = parts;
  const loaded = await parts.data.dataset(dataset);
  const { train, test } = loaded;
  const { model } = await parts.model.open();
  const retrieval = isAsked(loaded) ? [await parts.retrievalOf(dataset)] : [];
  const how = [...retrieval, ...modelInputs(parts.modelSettings)];
  const inputs = [model.fingerprint, train.hash, test.hash, ...how];
  const cells = evaluationCells({ ...experiment, datasets: [dataset] });
  const trained = yield* trainCells(cells, [model.fingerprint, train.hash, ...how], parts);
  await rm(passageFolder(outFolder, dataset.name), { recursive: true, force: true });
  const trainedOf = (cell: EvaluationCell) => trained.get(trainingKey(cell));
  const compared: ComparedCell[] = [];
  for (const passages of experiment.passages) {
    const some = cells.filter(
      (cell) => cell.passages === passages && (cell.arm.kind !== "tune" || trainedOf(cell)),
    );
    if (some.length === 0) continue;
    const answeredCells = yield* answerCells(some, { inputs, trainedOf }, parts);
    const reader = some.find(({ arm }) => readsPassages(arm));
    const retrieved = reader && (await retrievedQuestions(reader, inputs, parts));
    for (const { cell, answered } of answeredCells) {
      const own = trainedOf(cell);
      const cost = own ? { trained: own.result } : {};
      const read = retrieved && readsPassages(cell.arm) ? { retrieved } : {};
      compared.push({ cell, answered, ...read, ...cost });
    }
  }
  return compared;
}

/** Whether passages are searched for it: inputs stand alone. */
const isAsked = ({ train, test }: LoadedDataset): boolean =>
  [train, test].some(({ pairs }) => pairs.some(isQuestion));

/** What the arms of a dataset trained, by {@link trainingKey}; not those that failed. */
async function* trainCells(
  cells: readonly EvaluationCell[],
  inputs: readonly string[],
  parts: ComparisonParts,
): AsyncGenerator<CompareEvent, ReadonlyMap<string, TrainedPromptOf>> {
  const trained = new Map<string, TrainedPromptOf>();
  for (const [key, evaluations] of groupBy(cells, trainingKey)) {
    const { arm, dataset, seed } = evaluations[0]!;
    if (arm.kind !== "tune") continue;
    const training: TrainingCell = { arm, dataset, seed };
    try {
      trained.set(key, yield* trainCell(training, inputs, parts));
    } catch (thrown) {
      const failed = parts.failures.note(training, thrown);
      yield { event: "failed", ...failed, ...parts.count(evaluations.length) };
    }
  }
  return trained;
}

/** What is trained on one kind of pairs is not scored on the other: said before anything is trained. */
async function requireOneTask({ arms, datasets }: Experiment, data: ComparisonData): Promise<void> {
  if (!arms.some(({ kind }) => kind === "tune")) return;
  for (const dataset of datasets) {
    const { train, pairs } = await data.dataset(dataset);
    const [learned, asked] = [taskOfPairs(train.pairs), taskOfPairs(pairs)];
    if (learned === asked) continue;
    throw new RagError(
      "config/invalid",
      `dataset "${dataset.name}": expected training and test pairs of one kind, found ${learned} pairs (${dataset.train}) and ${asked} pairs (${dataset.test}); give both as {"question", "answers"} or both as {"input", "output"}.`,
    );
  }
}

const trainingKey = ({ arm, seed }: EvaluationCell): string => JSON.stringify([arm.name, seed]);
