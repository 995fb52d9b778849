import type { DocumentInterface } from "@langchain/core/documents";
import { BaseRetriever, type BaseRetrieverInput } from "@langchain/core/retrievers";
import type { SearchOptions } from "../../retriever/index.ts";
import { type OpenedStore, openStore } from "../open-store.ts";
import { foundDocument } from "./stored-documents.ts";

/** How it searches: by meaning and words together unless `mode` says otherwise. */
export type ForewordRetrieverOptions = Omit<SearchOptions, "signal">;

export interface ForewordRetrieverFields extends BaseRetrieverInput {
  readonly store: OpenedStore;
  readonly search?: ForewordRetrieverOptions;
}

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

  /** Opens a store; close it when done. @throws RagError store/*, model/* */
  static async open(
    options: Parameters<typeof openStore>[0] &
      BaseRetrieverInput & { readonly search?: ForewordRetrieverOptions } = {},
  ): Promise<ForewordRetriever> {
    return new ForewordRetriever({ ...options, store: await openStore(options) });
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
