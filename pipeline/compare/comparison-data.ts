import { join } from "node:path";
import { RagError, Random } from "../../core/index.ts";
import { type QaFile, type QaPair, readQaFile, taskOfPairs } from "../../ptuning/index.ts";
import type { Passage } from "../passage.ts";
import type { Dataset } from "./experiment.ts";

/** The best k passages of a dataset's store for each question. */
export type RetrieveFor = (
  dataset: Dataset,
  questions: readonly string[],
  k: number,
) => Promise<readonly (readonly Passage[])[]>;

export interface LoadedDataset {
  readonly train: QaFile;
  readonly test: QaFile;
  /** The test questions that are asked. */
  readonly pairs: readonly QaPair[];
}

/** Question files and what is retrieved for their questions, each read or searched for once. */
export class ComparisonData {
  readonly #folder: string;
  readonly #search: RetrieveFor;
  readonly #signal: AbortSignal;
  readonly #datasets = new Map<string, LoadedDataset>();
  /** By dataset and number of passages, then by question. */
  readonly #found = new Map<string, Map<string, readonly Passage[]>>();

  /** `folder`: where the question files are. */
  constructor(folder: string, search: RetrieveFor, signal: AbortSignal) {
    this.#folder = folder;
    this.#search = search;
    this.#signal = signal;
  }

  /** @throws RagError qa/*, file/* */
  async dataset(dataset: Dataset): Promise<LoadedDataset> {
    const known = this.#datasets.get(dataset.name);
    if (known) return known;
    const train = await readQaFile(join(this.#folder, dataset.train), this.#signal);
    const test = await readQaFile(join(this.#folder, dataset.test), this.#signal);
    const pairs = test.pairs.slice(0, dataset.testLimit ?? test.pairs.length);
    requireDifferentIds(dataset.name, pairs);
    const loaded = { train, test, pairs };
    this.#datasets.set(dataset.name, loaded);
    return loaded;
  }

  /** The test questions of each dataset that was read. */
  questions(): ReadonlyMap<string, readonly QaPair[]> {
    return new Map([...this.#datasets].map(([name, { pairs }]) => [name, pairs]));
  }

  /** The best k passages for each question. @throws RagError store/* */
  async passages(
    dataset: Dataset,
    questions: readonly string[],
    k: number,
  ): Promise<readonly (readonly Passage[])[]> {
    const key = `${dataset.name} ${k}`;
    const known = this.#found.get(key) ?? new Map<string, readonly Passage[]>();
    this.#found.set(key, known);
    const unknown = [...new Set(questions)].filter((question) => !known.has(question));
    if (unknown.length > 0) {
      const found = await this.#search(dataset, unknown, k);
      for (const [index, question] of unknown.entries()) known.set(question, found[index]!);
    }
    return questions.map((question) => known.get(question)!);
  }

  /** What the test questions are answered from; nothing for inputs that stand alone. */
  async testPassages(dataset: Dataset, k: number): Promise<readonly (readonly Passage[])[]> {
    const { pairs } = await this.dataset(dataset);
    if (taskOfPairs(pairs) === "input") return [];
    return this.passages(
      dataset,
      pairs.map(({ question }) => question),
      k,
    );
  }
}

/** Scores are paired by id. */
function requireDifferentIds(dataset: string, pairs: readonly QaPair[]): void {
  if (new Set(pairs.map(({ id }) => id)).size === pairs.length) return;
  throw new RagError(
    "qa/invalid",
    `dataset "${dataset}": two test questions have the same id; give each its own.`,
  );
}

/** The pairs that all trainings of a dataset have, where it says so. */
export const drawnPairs = (
  qa: QaFile,
  { trainSeed, trainLimit }: Pick<Dataset, "trainSeed" | "trainLimit">,
): QaFile =>
  trainSeed === undefined
    ? qa
    : { ...qa, pairs: new Random(trainSeed).shuffle(qa.pairs).slice(0, trainLimit) };
