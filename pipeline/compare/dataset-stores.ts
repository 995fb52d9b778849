import { existsSync } from "node:fs";
import { join } from "node:path";
import { RagError } from "../../core/index.ts";
import { CORPUS_FILE } from "../../retriever/index.ts";
import type { Settings } from "../settings.ts";
import type { Terminal } from "../terminal.ts";
import { Workspace } from "../workspace.ts";

export interface DatasetStoresOptions {
  /** Holds the stores, one named as each dataset. */
  readonly folder: string;
  /** All but the store. */
  readonly settings: Settings;
  readonly terminal: Terminal;
  readonly signal: AbortSignal;
}

/** The stores of a comparison's datasets, opened when they are searched. */
export class DatasetStores {
  readonly #options: DatasetStoresOptions;
  readonly #opened = new Map<string, Workspace>();

  constructor(options: DatasetStoresOptions) {
    this.#options = options;
  }

  /** The store of a dataset; stays open until {@link close}. */
  of(dataset: string): Workspace {
    const known = this.#opened.get(dataset);
    if (known) return known;
    const workspace = this.#workspace(dataset);
    this.#opened.set(dataset, workspace);
    return workspace;
  }

  /**
   * Fails before anything slow is started. The store is closed again: an embedder for every dataset would add to the memory of trainings.
   * @throws RagError store/empty when there is nothing to search; store/*, model/*
   */
  async requireDocuments(dataset: string): Promise<void> {
    const workspace = this.#workspace(dataset);
    try {
      const isThere = existsSync(join(this.#folderOf(dataset), CORPUS_FILE));
      if (isThere && (await workspace.corpus()).counts().documents > 0) return;
    } finally {
      await workspace.close();
    }
    throw new RagError(
      "store/empty",
      `dataset "${dataset}": there are no documents in its store; run "foreword ingest <files> --store STORES/${dataset}" first, and name the folder STORES with --stores.`,
    );
  }

  async close(): Promise<void> {
    for (const workspace of this.#opened.values()) await workspace.close();
  }

  #workspace(dataset: string): Workspace {
    const { settings, terminal, signal } = this.#options;
    return new Workspace({
      settings: { ...settings, store: this.#folderOf(dataset) },
      terminal,
      signal,
    });
  }

  #folderOf(dataset: string): string {
    return join(this.#options.folder, dataset);
  }
}
