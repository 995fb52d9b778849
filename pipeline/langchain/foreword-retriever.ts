import type { DocumentInterface } from "@langchain/core/documents";
import { BaseRetriever, type BaseRetrieverInput } from "@langchain/core/retrievers";
import type { SearchOptions } from "../../retriever/index.ts";
import { type OpenedStore, type OpenStoreOptions, openStore } from "../open-store.ts";
import { splitOptions } from "./split-options.ts";
import { foundDocument } from "./stored-documents.ts";

/** How it searches: by meaning and words together unless `mode` says otherwise. */
export type ForewordRetrieverOptions = Omit<SearchOptions, "signal">;

export interface ForewordRetrieverFields extends BaseRetrieverInput {
  readonly store: OpenedStore;
  readonly search?: ForewordRetrieverOptions;
}

/** How a store is opened, and how it is searched. */
export type ForewordRetrieverOpenOptions = OpenStoreOptions &
  Omit<ForewordRetrieverFields, "store">;

const FIELDS = {
  search: true,
  callbacks: true,
  tags: true,
  metadata: true,
  verbose: true,
} as const satisfies Record<Exclude<keyof ForewordRetrieverFields, "store">, true>;

/** Foreword's search as LangChain's retriever; `metadata.score` of each document says how well it fits. */
export class ForewordRetriever extends BaseRetriever {
  override lc_namespace = ["foreword", "retrievers"];
  readonly #store: OpenedStore;
  readonly #search: ForewordRetrieverOptions;

  constructor(fields: ForewordRetrieverFields) {
    super(fields);
    this.#store = fields.store;
    this.#search = fields.search ?? {};
  }

  static override lc_name(): string {
    return "ForewordRetriever";
  }

  /** Opens a store; close it when done. @throws RagError config/invalid, store/*, model/* */
  static async open(options: ForewordRetrieverOpenOptions = {}): Promise<ForewordRetriever> {
    const { fields, settings } = splitOptions(options, FIELDS);
    const search = { k: settings.k, ...fields.search };
    return new ForewordRetriever({ ...fields, search, store: await openStore(settings) });
  }

  override async _getRelevantDocuments(query: string): Promise<DocumentInterface[]> {
    const { corpus, retriever, rerank } = this.#store;
    if (corpus.counts().documents === 0) return [];
    const { results } = await retriever.search(query, { rerank, ...this.#search });
    return results.flatMap((result) => {
      const document = foundDocument(corpus, result);
      if (!document) return [];
      document.metadata = { ...document.metadata, score: result.score };
      return [document];
    });
  }

  /** Frees the store. */
  async close(): Promise<void> {
    await this.#store.close();
  }
}
