/** What happened to a document: it is in the store for good, or it is refused. */
export interface DocumentChange {
  readonly kind: "added" | "updated" | "removed" | "failed";
  readonly source: string;
  /** Why it failed. */
  readonly reason?: string;
}

export interface FailedDocument {
  readonly source: string;
  readonly reason: string;
}

export interface IngestSummary {
  readonly documents: {
    readonly added: number;
    readonly updated: number;
    readonly unchanged: number;
    readonly removed: number;
    readonly failed: readonly FailedDocument[];
    /** How many were refused, where `failed` names some of them together. Left out where each is named. */
    readonly refused?: number;
    /**
     * Documents that a run with `prune` kept, though their files are not there: they were ingested from another root, or by a version that
     * did not note from which. Left out where there are none.
     */
    readonly kept?: number;
  };
  /** Chunks that were added or replaced. */
  readonly chunks: number;
  readonly seconds: number;
}

/** Counts what an ingest does, and tells of each change. */
export class Tally {
  readonly #started = performance.now();
  readonly #onChange: ((change: DocumentChange) => void) | undefined;
  readonly #failed: FailedDocument[] = [];
  #counts = { added: 0, updated: 0, unchanged: 0, removed: 0 };
  #chunks = 0;
  #kept = 0;
  #refused = 0;

  constructor(onChange?: (change: DocumentChange) => void) {
    this.#onChange = onChange;
  }

  get failures(): number {
    return this.#failed.length;
  }

  stored(kind: "added" | "updated", source: string, chunks: number): void {
    this.#counts[kind]++;
    this.#chunks += chunks;
    this.#onChange?.({ kind, source });
  }

  unchanged(): void {
    this.#counts.unchanged++;
  }

  removed(source: string): void {
    this.#counts.removed++;
    this.#onChange?.({ kind: "removed", source });
  }

  kept(count: number): void {
    this.#kept += count;
  }

  /** `count`: how many documents the entry stands for. */
  failed(source: string, reason: string, count = 1): void {
    this.#refused += count;
    this.#failed.push({ source, reason });
    this.#onChange?.({ kind: "failed", source, reason });
  }

  summary(): IngestSummary {
    return {
      documents: {
        ...this.#counts,
        failed: this.#failed,
        ...(this.#refused === this.#failed.length ? {} : { refused: this.#refused }),
        ...(this.#kept === 0 ? {} : { kept: this.#kept }),
      },
      chunks: this.#chunks,
      seconds: (performance.now() - this.#started) / 1000,
    };
  }
}
