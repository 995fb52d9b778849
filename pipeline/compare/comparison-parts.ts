import type { Generator } from "../../generator/index.ts";
import type { CellFailures } from "./cell-failures.ts";
import type { CellStore } from "./cell-store.ts";
import type { ComparisonData } from "./comparison-data.ts";
import type { Dataset, Experiment } from "./experiment.ts";
import type { ModelSettings } from "./model-settings.ts";

/** The model under comparison, opened when it is needed. */
export class ComparedModel {
  readonly #openGenerator: () => Promise<Generator>;
  #generator: Promise<Generator> | undefined;

  constructor(openGenerator: () => Promise<Generator>) {
    this.#openGenerator = openGenerator;
  }

  /** @throws RagError model/*, engine/failed */
  open(): Promise<Generator> {
    this.#generator ??= this.#openGenerator();
    return this.#generator;
  }

  /** Frees its memory; the next {@link open} starts anew. */
  async close(): Promise<void> {
    const generator = await this.#generator?.catch(() => undefined);
    this.#generator = undefined;
    await generator?.close();
  }
}

/** What trainings and answers of a comparison share. */
export interface ComparisonParts {
  readonly experiment: Experiment;
  /** Results, trained prompts. */
  readonly outFolder: string;
  readonly store: CellStore;
  readonly data: ComparisonData;
  readonly retrievalOf: (dataset: Dataset) => Promise<string>;
  readonly model: ComparedModel;
  readonly modelSettings: ModelSettings;
  readonly failures: CellFailures;
  /** Counts evaluations that are finished or will not be; one unless given. */
  readonly count: (evaluations?: number) => { readonly done: number; readonly cells: number };
  readonly signal: AbortSignal;
}
