import { randomUUID } from "node:crypto";
import { Document, type DocumentInterface } from "@langchain/core/documents";
import { maximalMarginalRelevance } from "@langchain/core/utils/math";
import { type MaxMarginalRelevanceSearchOptions, VectorStore } from "@langchain/core/vectorstores";

interface Row {
  readonly vector: readonly number[];
  readonly document: Document;
}

/** The judge: an array behind LangChain's interface. Filters are exact values of top fields. */
export class BruteForceStore extends VectorStore {
  declare FilterType: Readonly<Record<string, unknown>>;
  readonly rows = new Map<string, Row>();

  override _vectorstoreType(): string {
    return "brute-force";
  }

  override async addDocuments(
    documents: DocumentInterface[],
    options: { readonly ids?: readonly string[] } = {},
  ): Promise<string[]> {
    const texts = documents.map(({ pageContent }) => pageContent);
    return this.addVectors(await this.embeddings.embedDocuments(texts), documents, options);
  }

  override async addVectors(
    vectors: number[][],
    documents: DocumentInterface[],
    options: { readonly ids?: readonly string[] } = {},
  ): Promise<string[]> {
    return documents.map((document, index) => {
      const id = options.ids?.[index] ?? document.id ?? randomUUID();
      const { pageContent, metadata } = document;
      // A document that is added again is a new one.
      this.rows.delete(id);
      const stored = new Document({ id, pageContent, metadata });
      this.rows.set(id, { vector: vectors[index]!, document: stored });
      return id;
    });
  }

  override async delete({ ids = [] }: { readonly ids?: readonly string[] } = {}): Promise<void> {
    for (const id of ids) this.rows.delete(id);
  }

  override async similaritySearchVectorWithScore(
    query: number[],
    k: number,
    filter: Readonly<Record<string, unknown>> = {},
  ): Promise<[Document, number][]> {
    return this.#ranked(query, filter)
      .slice(0, k)
      .map(({ document, score }) => [document, score]);
  }

  override async maxMarginalRelevanceSearch(
    query: string,
    { k, fetchK = 20, lambda = 0.5, filter }: MaxMarginalRelevanceSearchOptions<this["FilterType"]>,
  ): Promise<Document[]> {
    const vector = await this.embeddings.embedQuery(query);
    const found = this.#ranked(vector, filter ?? {}).slice(0, fetchK);
    const vectors = found.map((row) => [...row.vector]);
    return maximalMarginalRelevance(vector, vectors, lambda, k).map((at) => found[at]!.document);
  }

  #ranked(query: readonly number[], filter: Readonly<Record<string, unknown>>) {
    const rows = [...this.rows.values()].filter(({ document }) =>
      Object.entries(filter).every(([key, value]) => document.metadata[key] === value),
    );
    const scored = rows.map((row) => ({ ...row, score: cosine(query, row.vector) }));
    return scored.sort((a, b) => b.score - a.score);
  }
}

function cosine(a: readonly number[], b: readonly number[]): number {
  const dot = a.reduce((sum, value, index) => sum + value * b[index]!, 0);
  return dot / (Math.hypot(...a) * Math.hypot(...b));
}
