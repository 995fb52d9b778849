import { randomUUID } from "node:crypto";
import { Document, type DocumentInterface } from "@langchain/core/documents";
import type { EmbeddingsInterface } from "@langchain/core/embeddings";
import { maximalMarginalRelevance } from "@langchain/core/utils/math";
import { type MaxMarginalRelevanceSearchOptions, VectorStore } from "@langchain/core/vectorstores";
import { RagError } from "../../core/index.ts";
import {
  type Filter,
  keepBuiltIndex,
  keepIndex,
  parseFilter,
  type SearchResult,
} from "../../retriever/index.ts";
import { type OpenedStore, openStore } from "../open-store.ts";
import type { ForewordOptions } from "../settings.ts";
import { embedderOf, unitVector } from "./embeddings-embedder.ts";
import { ForewordEmbeddings } from "./foreword-embeddings.ts";
import { foundDocument, pageOf, storedDocument } from "./stored-documents.ts";

/** How a store is opened. */
export interface ForewordVectorStoreConfig extends ForewordOptions {
  /** What the embeddings are called in the store, where their class and model do not tell. */
  readonly embedderId?: string | undefined;
}

const DEFAULT_FETCH_K = 20;
const DEFAULT_LAMBDA = 0.5;

/**
 * A Foreword store as LangChain's vector store. Documents are kept whole, one vector each: split long ones first. Files that `ingest` read are
 * found as well. An id stands for one document: adding it again replaces it. Filters are Foreword's, applied inside the search.
 */
export class ForewordVectorStore extends VectorStore {
  declare FilterType: Filter;
  readonly #store: OpenedStore;
  /** Documents were added or removed through it. */
  #isChanged = false;
  #isClosed = false;

  /** See {@link ForewordVectorStore.open}. */
  constructor(embeddings: EmbeddingsInterface, config: { readonly opened: OpenedStore }) {
    super(embeddings, {});
    this.#store = config.opened;
  }

  /**
   * Opens a store, and makes it where there is none. Close it when done.
   * @throws RagError config/invalid, store/mismatch for other embeddings than it was made with, store/invalid, model/*
   */
  static async open(
    options: ForewordVectorStoreConfig & {
      /** Any LangChain embeddings; Foreword's own `embedder` without. */
      readonly embeddings?: EmbeddingsInterface | undefined;
    } = {},
  ): Promise<ForewordVectorStore> {
    const { embeddings, embedderId, ...rest } = options;
    const own = embeddings ? { embedder: await embedderOf(embeddings, embedderId) } : {};
    const opened = await openStore({ ...rest, ...own });
    return new ForewordVectorStore(
      embeddings ?? new ForewordEmbeddings({ embedder: opened.embedder }),
      { opened },
    );
  }

  static override async fromTexts(
    texts: string[],
    metadatas: object[] | object,
    embeddings: EmbeddingsInterface,
    config: ForewordVectorStoreConfig = {},
  ): Promise<ForewordVectorStore> {
    const documents = texts.map((pageContent, index) => {
      const metadata = Array.isArray(metadatas) ? (metadatas[index] ?? {}) : metadatas;
      return new Document({ pageContent, metadata });
    });
    return ForewordVectorStore.fromDocuments(documents, embeddings, config);
  }

  static override async fromDocuments(
    documents: DocumentInterface[],
    embeddings: EmbeddingsInterface,
    config: ForewordVectorStoreConfig & { readonly ids?: readonly string[] } = {},
  ): Promise<ForewordVectorStore> {
    const { ids, ...rest } = config;
    const store = await ForewordVectorStore.open({ ...rest, embeddings });
    try {
      await store.addDocuments(documents, ids ? { ids } : {});
      return store;
    } catch (thrown) {
      await store.close();
      throw thrown;
    }
  }

  override _vectorstoreType(): string {
    return "foreword";
  }

  /** The store's documents and their search. */
  get store(): OpenedStore {
    return this.#store;
  }

  /**
   * Adds documents, or replaces those with the same ids: all of them or none. Ids are `options.ids`, else the documents' own, else new ones.
   * @returns the ids, in order
   */
  override async addDocuments(
    documents: DocumentInterface[],
    options: { readonly ids?: readonly string[] } = {},
  ): Promise<string[]> {
    const texts = documents.map(({ pageContent }) => pageContent);
    const vectors = await this.#store.embedder.embed(texts, { kind: "passage" });
    return this.#put(vectors, documents, options.ids);
  }

  /** Like {@link addDocuments} with vectors that are there already; their length does not matter. @throws RagError store/mismatch */
  override async addVectors(
    vectors: number[][],
    documents: DocumentInterface[],
    options: { readonly ids?: readonly string[] } = {},
  ): Promise<string[]> {
    return this.#put(vectors.map(unitVector), documents, options.ids);
  }

  /**
   * Removes the documents with these ids, or those that pass a filter. An id that is not there is passed over.
   * @throws RagError request/invalid when neither is given, or for the id of a file's passage
   */
  override async delete(
    params: { readonly ids?: readonly string[]; readonly filter?: Filter } = {},
  ): Promise<void> {
    const { corpus } = this.#store;
    if (!params.ids && !params.filter) {
      throw new RagError("request/invalid", "delete: expected { ids } or { filter }, found none.");
    }
    const filter = params.filter && parseFilter(params.filter, "filter");
    corpus.transaction(() => {
      const passing = filter ? [...corpus.documents(filter)].map(({ id }) => id) : [];
      for (const id of [...(params.ids ?? []), ...passing]) {
        if (corpus.removeDocument(id)) this.#isChanged = true;
        else this.#requireNoPassage(id);
      }
    });
  }

  /** At most 1000 documents with their cosine similarity, best first. */
  override async similaritySearchVectorWithScore(
    query: number[],
    k: number,
    filter?: Filter,
  ): Promise<[Document, number][]> {
    const found = await this.#search(query, k, filter);
    return found.map(({ document, result }) => [document, result.score]);
  }

  /** @see Carbonell and Goldstein 1998; by LangChain's own formula */
  override async maxMarginalRelevanceSearch(
    query: string,
    options: MaxMarginalRelevanceSearchOptions<Filter>,
  ): Promise<Document[]> {
    const { k, fetchK = DEFAULT_FETCH_K, lambda = DEFAULT_LAMBDA, filter } = options;
    const vector = await this.embeddings.embedQuery(query);
    const found = await this.#search(vector, Math.max(k, fetchK), filter);
    const { corpus } = this.#store;
    const vectors = found.map(({ result }) => [...(corpus.vector(result.id) ?? [])]);
    return maximalMarginalRelevance(vector, vectors, lambda, k).map((at) => found[at]!.document);
  }

  /**
   * Frees the store. After changes the index is written beside the documents, so that the next start is quick; not while another process writes
   * to the store, or where it cannot be written: the next start then adds what the saved index lacks.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      // A store that was embedded anew has an index of its own.
      if (!this.#isCurrent()) return;
      const { folder, retriever } = this.#store;
      await (this.#isChanged ? keepIndex : keepBuiltIndex)(folder, retriever);
    } finally {
      await this.#store.close();
    }
  }

  async #search(
    query: readonly number[],
    k: number,
    filter: Filter | undefined,
  ): Promise<{ document: Document; result: SearchResult }[]> {
    const { corpus, retriever } = this.#store;
    if (corpus.counts().documents === 0) return [];
    const options = { k, filter: filter && parseFilter(filter, "filter") };
    const results = await retriever.searchByVector(unitVector(query), options);
    return results.flatMap((result) => {
      const document = foundDocument(corpus, result);
      return document ? [{ document, result }] : [];
    });
  }

  #put(
    vectors: readonly Float32Array[],
    documents: readonly DocumentInterface[],
    ids: readonly string[] | undefined,
  ): string[] {
    requireCount("vectors", vectors.length, documents.length);
    if (ids) requireCount("ids", ids.length, documents.length);
    const own = documents.map((document, index) => ids?.[index] ?? document.id ?? randomUUID());
    const { corpus } = this.#store;
    corpus.transaction(() => {
      for (const [index, document] of documents.entries()) {
        const stored = storedDocument(document, own[index]!);
        const page = pageOf(document.metadata);
        const place = {
          start: 0,
          end: stored.text.length,
          ...(page === undefined ? {} : { page }),
        };
        corpus.putDocument(
          stored,
          [{ ...place, heading: [], text: stored.text }],
          [vectors[index]!],
        );
      }
    });
    if (own.length > 0) this.#isChanged = true;
    return own;
  }

  /** Another process may have embedded the store anew since it was opened. */
  #isCurrent(): boolean {
    const { corpus, embedder } = this.#store;
    return corpus.embedder.id === embedder.id;
  }

  #requireNoPassage(id: string): void {
    const [, document, passage] = /^(.*)#(\d{1,15})$/s.exec(id) ?? [];
    if (this.#store.corpus.chunk(Number(passage))?.documentId !== document) return;
    if (document === undefined) return;
    throw new RagError(
      "request/invalid",
      `delete: ${id} is a passage of ${document}; delete that document by its id.`,
    );
  }
}

function requireCount(what: string, found: number, documents: number): void {
  if (found === documents) return;
  throw new RagError(
    "request/invalid",
    `${what}: expected one for each of ${documents} documents, found ${found}.`,
  );
}
