import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Generator, isAdaptation } from "../../generator/index.ts";
import { ANSWERS_AT_ONCE, type QaPair, type TuneEvent } from "../../ptuning/index.ts";
import { answerGroup } from "../evaluation/answer-group.ts";
import type { Arm } from "../evaluation/arms.ts";
import { type AnsweredResult, CellStore, type TrainedResult } from "./cell-store.ts";
import { cellName, type EvaluationCell, evaluationCells, type TrainingCell } from "./cells.ts";
import { comparedArm } from "./compared-arm.ts";
import { ComparisonData, type LoadedDataset, type RetrieveFor } from "./comparison-data.ts";
import type { Dataset, Experiment } from "./experiment.ts";
import { trainArm } from "./train-arm.ts";

/** What the comparison needs of the program around it. */
export interface CompareParts {
  readonly experiment: Experiment;
  /** Results, trained prompts. */
  readonly outFolder: string;
  /** Where the experiment's question files are. */
  readonly dataFolder: string;
  /** Opens the model. Each training gets a fresh one, so that memory is its own. */
  readonly openGenerator: () => Promise<Generator>;
  readonly retrieve: RetrieveFor;
  readonly signal: AbortSignal;
}

export type CompareEvent =
  | {
      readonly event: "cell";
      readonly cell: string;
      readonly done: number;
      readonly cells: number;
      readonly em: number;
      readonly f1: number;
      /** It was there from an earlier run. */
      readonly known: boolean;
    }
  | { readonly event: "training"; readonly arm: string; readonly dataset: string }
  | { readonly event: "progress"; readonly of: TuneEvent }
  | {
      readonly event: "answered";
      readonly dataset: string;
      readonly done: number;
      readonly questions: number;
    };

/** One evaluated cell with what its training cost. */
export interface ComparedCell {
  readonly cell: EvaluationCell;
  readonly answered: AnsweredResult;
  readonly trained?: TrainedResult;
}

/** Everything measured, and the questions it was measured on. */
export interface Comparison {
  readonly model: string;
  readonly questions: ReadonlyMap<string, readonly QaPair[]>;
  readonly cells: readonly ComparedCell[];
}

/**
 * Runs every cell of an experiment that has no result yet, and returns all of them: dataset by dataset, first the trainings, which share
 * the keys and values of passages on disk, then the answers, which share them in memory. Stopped at any time, it goes on where
 * it was.
 * @throws RagError qa/*, config/invalid, store/*, prompt/*, train/diverged, file/write-failed, engine/failed
 */
export async function* compare(parts: CompareParts): AsyncGenerator<CompareEvent, Comparison> {
  const run = new ComparisonRun(parts);
  try {
    return yield* run.datasets();
  } finally {
    await run.close();
  }
}

/** A prompt that an arm trained. */
interface Trained {
  readonly result: TrainedResult;
  readonly prompt: string;
  readonly storeFolder: string;
}

/** A cell whose questions are being answered. */
interface OpenCell {
  readonly name: string;
  readonly arm: Arm;
  answered: AnsweredResult;
}

class ComparisonRun {
  readonly #parts: CompareParts;
  readonly #store: CellStore;
  readonly #data: ComparisonData;
  readonly #total: number;
  #done = 0;
  #generator: Promise<Generator> | undefined;

  constructor(parts: CompareParts) {
    const { outFolder, dataFolder, retrieve, signal, experiment } = parts;
    this.#parts = parts;
    this.#store = new CellStore(outFolder);
    this.#data = new ComparisonData(dataFolder, retrieve, signal);
    this.#total = evaluationCells(experiment).length;
  }

  async *datasets(): AsyncGenerator<CompareEvent, Comparison> {
    const cells: ComparedCell[] = [];
    for (const dataset of this.#parts.experiment.datasets)
      cells.push(...(yield* this.#compare(dataset)));
    const { model } = await this.#open();
    return { model: model.name, questions: this.#data.questions(), cells };
  }

  async close(): Promise<void> {
    const generator = await this.#generator?.catch(() => undefined);
    this.#generator = undefined;
    await generator?.close();
  }

  #open(): Promise<Generator> {
    this.#generator ??= this.#parts.openGenerator();
    return this.#generator;
  }

  async *#compare(dataset: Dataset): AsyncGenerator<CompareEvent, readonly ComparedCell[]> {
    const { experiment } = this.#parts;
    const data = await this.#data.dataset(dataset);
    const { model } = await this.#open();
    const inputs = [model.fingerprint, data.train.hash, data.test.hash];
    const cells = evaluationCells({ ...experiment, datasets: [dataset] });
    const trained = new Map<string, Trained>();
    for (const cell of cells) {
      const key = trainingKey(cell);
      if (cell.arm.kind !== "tune" || trained.has(key)) continue;
      const training: TrainingCell = { arm: cell.arm, dataset, seed: cell.seed };
      trained.set(key, yield* this.#train(training, inputs));
    }
    await rm(this.#passageFolder(dataset), { recursive: true, force: true });
    const compared: ComparedCell[] = [];
    for (const passages of experiment.passages) {
      const some = cells.filter((cell) => cell.passages === passages);
      const answered = yield* this.#answer(some, { data, inputs, trained });
      for (const [index, cell] of some.entries()) {
        const own = trained.get(trainingKey(cell));
        const result = answered[index]!;
        compared.push({ cell, answered: result, ...(own ? { trained: own.result } : {}) });
      }
    }
    return compared;
  }

  /** What an arm trained, from an earlier run or now. */
  async *#train(
    cell: TrainingCell,
    inputs: readonly string[],
  ): AsyncGenerator<CompareEvent, Trained> {
    const passages = this.#parts.experiment.passages[0]!;
    const name = cellName("train", cell, [...inputs, String(passages)]);
    const prompt = `${cell.arm.name.slice(0, 30)}-${name.slice(-12)}`;
    const storeFolder = join(this.#parts.outFolder, "trained", cell.dataset.name);
    const known = await this.#store.loadTrained(name);
    if (known) return { result: known, prompt, storeFolder };
    yield { event: "training", arm: cell.arm.name, dataset: cell.dataset.name };
    await this.close();
    const result = yield* this.#trainNow(cell, { prompt, passages, storeFolder });
    await this.#store.save(name, result);
    return { result, prompt, storeFolder };
  }

  async *#trainNow(
    cell: TrainingCell,
    run: { readonly prompt: string; readonly passages: number; readonly storeFolder: string },
  ): AsyncGenerator<CompareEvent, TrainedResult> {
    const { dataset } = cell;
    const { train: qa } = await this.#data.dataset(dataset);
    const events: TuneEvent[] = [];
    const work = trainArm(cell, {
      qa,
      generator: await this.#open(),
      retrieve: (questions) => this.#data.passages(dataset, questions, run.passages),
      storeFolder: run.storeFolder,
      passageFolder: this.#passageFolder(dataset),
      name: run.prompt,
      passages: run.passages,
      onEvent: (event) => events.push(event),
      signal: this.#parts.signal,
    });
    let isDone = false;
    const settled = work.finally(() => {
      isDone = true;
    });
    settled.catch(() => undefined);
    while (!isDone) {
      await Promise.race([settled.catch(() => undefined), pause()]);
      for (const of of events.splice(0)) yield { event: "progress", of };
    }
    return settled;
  }

  /** Keys and values of passages that the trainings of a dataset share. */
  #passageFolder({ name }: Dataset): string {
    return join(this.#parts.outFolder, "passages", name);
  }

  /** The answers of cells that read the same number of passages, in their order. */
  async *#answer(
    cells: readonly EvaluationCell[],
    parts: {
      readonly data: LoadedDataset;
      readonly inputs: readonly string[];
      readonly trained: ReadonlyMap<string, Trained>;
    },
  ): AsyncGenerator<CompareEvent, readonly AnsweredResult[]> {
    const { data, inputs, trained } = parts;
    const open: OpenCell[] = [];
    for (const cell of cells) {
      const own = trained.get(trainingKey(cell));
      const trainedWith = own ? String(this.#parts.experiment.passages[0]) : "";
      const name = cellName("eval", cell, [...inputs, trainedWith]);
      const arm = { ...(await comparedArm(cell, data.train.pairs, own)), name };
      const known = await this.#store.loadAnswered(name);
      open.push({ name, arm, answered: known ?? { seconds: 0, answers: [] } });
    }
    const isDone = ({ answered }: OpenCell) => answered.answers.length === data.pairs.length;
    for (const one of open.filter(isDone)) yield this.#finished(one, true);
    const left = open.filter((one) => !isDone(one));
    const adapted = left.filter(({ arm }) => isAdaptation(arm.conditioning));
    const others = left.filter((one) => !adapted.includes(one));
    // Each model with weights of its own is half a gigabyte and more: one after the other.
    for (const together of [others, ...adapted.map((one) => [one])]) {
      if (together.length > 0) yield* this.#answerTogether(together, cells[0]!, data.pairs);
    }
    return open.map(({ answered }) => answered);
  }

  /** Question by question, saved as it goes. */
  async *#answerTogether(
    cells: readonly OpenCell[],
    { dataset, passages }: EvaluationCell,
    pairs: readonly QaPair[],
  ): AsyncGenerator<CompareEvent, void> {
    const usesPassages = cells.some(({ arm }) => arm.usesPassages);
    const found = usesPassages ? await this.#data.testPassages(dataset, passages) : [];
    const { signal } = this.#parts;
    const generator = await this.#open();
    for (let first = 0; first < pairs.length; first += ANSWERS_AT_ONCE) {
      const behind = cells.filter(({ answered }) => answered.answers.length <= first);
      const arms = behind.map(({ arm }) => arm);
      const work = { generator, arms, pairs, found, k: passages, first, signal };
      const group = await answerGroup(work);
      for (const one of behind) {
        const { answers, seconds } = group.get(one.name)!;
        const withIds = answers.map((answer, index) => ({
          id: pairs[first + index]!.id,
          ...answer,
        }));
        one.answered = {
          seconds: one.answered.seconds + seconds,
          answers: [...one.answered.answers, ...withIds],
        };
        await this.#store.save(one.name, one.answered);
      }
      const done = Math.min(first + ANSWERS_AT_ONCE, pairs.length);
      yield { event: "answered", dataset: dataset.name, done, questions: pairs.length };
    }
    for (const one of cells) yield this.#finished(one, false);
  }

  #finished({ name, answered }: OpenCell, known: boolean): CompareEvent {
    this.#done++;
    const progress = { done: this.#done, cells: this.#total, known };
    return { event: "cell", cell: name, ...progress, ...meanOf(answered) };
  }
}

const trainingKey = ({ arm, seed }: EvaluationCell): string => JSON.stringify([arm.name, seed]);

function meanOf({ answers }: AnsweredResult): { em: number; f1: number } {
  const mean = (pick: (one: AnsweredResult["answers"][number]) => number) =>
    answers.reduce((sum, one) => sum + pick(one), 0) / Math.max(1, answers.length);
  return { em: mean(({ em }) => em), f1: mean(({ f1 }) => f1) };
}

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 200));
