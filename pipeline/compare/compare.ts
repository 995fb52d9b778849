import { join } from "node:path";
import { RagError, Random } from "../../core/index.ts";
import type { Generator } from "../../generator/index.ts";
import {
  loadPrompt,
  type QaFile,
  type QaPair,
  readQaFile,
  type TuneEvent,
  withFirstTokens,
} from "../../ptuning/index.ts";
import { type Arm, handArm, learnedArm, plainRag, withoutRetrieval } from "../evaluation/arms.ts";
import { evaluate } from "../evaluation/evaluate.ts";
import { BEST_HAND_PROMPT } from "../evaluation/hand-prompts.ts";
import type { Passage } from "../passage.ts";
import { type AnsweredResult, CellStore, type TrainedResult } from "./cell-store.ts";
import { cellName, type EvaluationCell, evaluationCells, type TrainingCell } from "./cells.ts";
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
  /** The best k passages of a dataset's store for each question. */
  readonly retrieve: (
    dataset: Dataset,
    questions: readonly string[],
    k: number,
  ) => Promise<readonly (readonly Passage[])[]>;
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
  | { readonly event: "progress"; readonly of: TuneEvent };

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
 * Runs every cell of an experiment that has no result yet, and returns all of them. Stopped at any time, it goes on where it was.
 * @throws RagError qa/*, config/invalid, store/*, prompt/*, train/diverged, engine/failed
 */
export async function* compare(parts: CompareParts): AsyncGenerator<CompareEvent, Comparison> {
  const run = new ComparisonRun(parts);
  try {
    return yield* run.cells();
  } finally {
    await run.close();
  }
}

interface LoadedDataset {
  readonly train: QaFile;
  readonly test: QaFile;
  readonly pairs: readonly QaPair[];
}

class ComparisonRun {
  readonly #parts: CompareParts;
  readonly #store: CellStore;
  readonly #datasets = new Map<string, LoadedDataset>();
  readonly #found = new Map<string, readonly (readonly Passage[])[]>();
  #generator: Promise<Generator> | undefined;

  constructor(parts: CompareParts) {
    this.#parts = parts;
    this.#store = new CellStore(parts.outFolder);
  }

  async *cells(): AsyncGenerator<CompareEvent, Comparison> {
    const { experiment } = this.#parts;
    const model = (await this.#open()).model;
    const all = evaluationCells(experiment);
    const cells: ComparedCell[] = [];
    for (const cell of all) {
      this.#parts.signal.throwIfAborted();
      const data = await this.#dataset(cell.dataset);
      const inputs = [model.fingerprint, data.train.hash, data.test.hash];
      const trained = yield* this.#train(cell, inputs);
      const name = cellName("eval", cell, [...inputs, String(trained?.passages ?? "")]);
      const known = await this.#store.loadAnswered(name);
      const answered = known ?? (await this.#answer(cell, data, trained?.prompt));
      if (!known) await this.#store.save(name, answered);
      cells.push({ cell, answered, ...(trained ? { trained: trained.result } : {}) });
      const scores = meanOf(answered);
      const progress = { done: cells.length, cells: all.length, known: known !== undefined };
      yield { event: "cell", cell: name, ...progress, ...scores };
    }
    const questions = [...this.#datasets].map(([name, { pairs }]) => [name, pairs] as const);
    return { model: model.name, questions: new Map(questions), cells };
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

  /** What an arm trained, from an earlier run or now. */
  async *#train(cell: EvaluationCell, inputs: readonly string[]) {
    const { arm, dataset, seed } = cell;
    if (arm.kind !== "tune") return undefined;
    const passages = this.#parts.experiment.passages[0]!;
    const training: TrainingCell = { arm, dataset, seed };
    const name = cellName("train", training, [...inputs, String(passages)]);
    const prompt = `${arm.name.slice(0, 30)}-${name.slice(-12)}`;
    const known = await this.#store.loadTrained(name);
    if (known) return { result: known, prompt, passages };
    yield { event: "training" as const, arm: arm.name, dataset: dataset.name };
    await this.close();
    const result = yield* this.#trainNow(training, prompt, passages);
    await this.#store.save(name, result);
    return { result, prompt, passages };
  }

  async *#trainNow(
    cell: TrainingCell,
    prompt: string,
    passages: number,
  ): AsyncGenerator<CompareEvent, TrainedResult> {
    const { signal } = this.#parts;
    const { train: qa } = await this.#dataset(cell.dataset);
    const events: TuneEvent[] = [];
    const work = trainArm(cell, {
      qa,
      generator: await this.#open(),
      retrieve: (questions) => this.#parts.retrieve(cell.dataset, questions, passages),
      storeFolder: this.#trainedFolder(cell.dataset),
      name: prompt,
      passages,
      onEvent: (event) => events.push(event),
      signal,
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

  async #answer(
    cell: EvaluationCell,
    data: LoadedDataset,
    prompt: string | undefined,
  ): Promise<AnsweredResult> {
    const { signal } = this.#parts;
    const arm = await this.#arm(cell, data, prompt);
    const { pairs } = data;
    const found = arm.usesPassages ? await this.#retrieve(cell, pairs) : [];
    const { arms, questions } = await evaluate({
      generator: await this.#open(),
      arms: [arm],
      pairs,
      found,
      k: cell.passages,
      seed: 1,
      signal,
    });
    const answers = questions.map(({ id, answers: own }) => ({ id, ...own[arm.name]! }));
    return { seconds: arms[arm.name]!.seconds, answers };
  }

  async #arm(
    { arm, dataset, seed, tokens }: EvaluationCell,
    { train }: LoadedDataset,
    prompt: string | undefined,
  ): Promise<Arm> {
    switch (arm.kind) {
      case "no-retrieval":
        return { ...withoutRetrieval, name: arm.name };
      case "rag":
        return { ...plainRag, name: arm.name };
      case "hand":
        return { ...handArm(arm.text ?? BEST_HAND_PROMPT), name: arm.name };
      case "few-shot":
        return { ...handArm(fewShotText(train.pairs, arm.examples, seed)), name: arm.name };
      default: {
        const learned = await loadPrompt(this.#trainedFolder(dataset), prompt!);
        const first = tokens === "all" ? learned : withFirstTokens(learned, tokens);
        return { ...learnedArm(first), name: arm.name };
      }
    }
  }

  #trainedFolder({ name }: Dataset): string {
    return join(this.#parts.outFolder, "trained", name);
  }

  async #retrieve({ dataset, passages }: EvaluationCell, pairs: readonly QaPair[]) {
    const key = `${dataset.name} ${passages}`;
    const known = this.#found.get(key);
    if (known) return known;
    const questions = pairs.map(({ question }) => question);
    const found = pairs.every(({ task }) => task === "input")
      ? []
      : await this.#parts.retrieve(dataset, questions, passages);
    this.#found.set(key, found);
    return found;
  }

  async #dataset(dataset: Dataset): Promise<LoadedDataset> {
    const known = this.#datasets.get(dataset.name);
    if (known) return known;
    const { dataFolder, signal } = this.#parts;
    const train = await readQaFile(join(dataFolder, dataset.train), signal);
    const test = await readQaFile(join(dataFolder, dataset.test), signal);
    const pairs = test.pairs.slice(0, dataset.testLimit ?? test.pairs.length);
    requireDifferentIds(dataset.name, pairs);
    const loaded = { train, test, pairs };
    this.#datasets.set(dataset.name, loaded);
    return loaded;
  }
}

/** Training pairs as examples of the form, drawn by the seed. */
function fewShotText(pairs: readonly QaPair[], count: number, seed: number): string {
  const drawn = new Random(seed).shuffle(pairs).slice(0, count);
  const examples = drawn.map(
    ({ question, answers }) => `Question: ${question}\nAnswer: ${answers[0]}`,
  );
  return [
    "Answer from the passages in the same form as these examples:",
    ...examples,
    "Now answer the next question in the same form.",
  ].join("\n\n");
}

/** Scores are paired by id. */
function requireDifferentIds(dataset: string, pairs: readonly QaPair[]): void {
  if (new Set(pairs.map(({ id }) => id)).size === pairs.length) return;
  throw new RagError(
    "qa/invalid",
    `dataset "${dataset}": two test questions have the same id; give each its own.`,
  );
}

function meanOf({ answers }: AnsweredResult): { em: number; f1: number } {
  const mean = (pick: (one: AnsweredResult["answers"][number]) => number) =>
    answers.reduce((sum, one) => sum + pick(one), 0) / Math.max(1, answers.length);
  return { em: mean(({ em }) => em), f1: mean(({ f1 }) => f1) };
}

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 200));
