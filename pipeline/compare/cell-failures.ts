import { type ErrorCode, RagError } from "../../core/index.ts";
import type { EvaluationCell, TrainingCell } from "./cells.ts";

/** A cell that has no result, and why. */
export interface FailedCell {
  readonly dataset: string;
  readonly arm: string;
  readonly seed: number;
  /** Absent where the arm could not be trained: then none of its evaluations has a result. */
  readonly passages?: number;
  readonly tokens?: number | "all";
  readonly reason: string;
}

/**
 * What an arm's settings, its prompt or its questions bring about, and another arm may not meet. All else (a full disk, a model or a store
 * that is missing) would stop the others too.
 */
const CODES_OF_ONE_CELL: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "config/invalid",
  "qa/invalid",
  "context/overflow",
  "train/diverged",
  "prompt/not-found",
  "prompt/invalid",
  "prompt/mismatch",
  "engine/failed",
]);

/** The cells of a comparison that failed. They are not kept on disk: the next run tries them again. */
export class CellFailures {
  readonly #signal: AbortSignal;
  readonly #cells: FailedCell[] = [];

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  get cells(): readonly FailedCell[] {
    return this.#cells;
  }

  /** Notes why a cell failed. @throws what was thrown, where it is not of this cell alone or follows an abort */
  note(cell: TrainingCell | EvaluationCell, thrown: unknown): FailedCell {
    const isOwn = thrown instanceof RagError && CODES_OF_ONE_CELL.has(thrown.code);
    if (!isOwn || this.#signal.aborted) throw thrown;
    const failed: FailedCell = {
      dataset: cell.dataset.name,
      arm: cell.arm.name,
      seed: cell.seed,
      ...("passages" in cell && { passages: cell.passages, tokens: cell.tokens }),
      reason: thrown.message,
    };
    this.#cells.push(failed);
    return failed;
  }
}

/** Which cell it was: "deep on squad, seed 1 (training)". */
export function failedName({ arm, dataset, seed, passages, tokens }: FailedCell): string {
  const part =
    passages === undefined ? "training" : `answers, passages ${passages}, tokens ${tokens}`;
  return `${arm} on ${dataset}, seed ${seed} (${part})`;
}
