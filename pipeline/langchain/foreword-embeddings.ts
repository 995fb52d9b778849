import { Embeddings, type EmbeddingsParams } from "@langchain/core/embeddings";
import type { Embedder } from "../../retriever/index.ts";
import { openWorkspace } from "../open-foreword.ts";
import type { ForewordOptions } from "../settings.ts";
import { splitOptions } from "./split-options.ts";

export interface ForewordEmbeddingsFields extends EmbeddingsParams {
  readonly embedder: Embedder;
  readonly close?: () => Promise<void>;
}

const FIELDS = {
  maxConcurrency: true,
  maxRetries: true,
  onFailedAttempt: true,
} as const satisfies Record<keyof EmbeddingsParams, true>;

/** Foreword's embedder as LangChain's: vectors of length 1, computed in this process. */
export class ForewordEmbeddings extends Embeddings {
  readonly embedder: Embedder;
  readonly #close: (() => Promise<void>) | undefined;

  constructor(fields: ForewordEmbeddingsFields) {
    super(fields);
    this.embedder = fields.embedder;
    this.#close = fields.close;
  }

  /**
   * Opens an embedder by name or path; it is fetched when it is not in the cache. Close it when done.
   * @throws RagError config/invalid, model/*
   */
  static async open(options: ForewordOptions & EmbeddingsParams = {}): Promise<ForewordEmbeddings> {
    const { fields, settings } = splitOptions(options, FIELDS);
    const { workspace } = openWorkspace(settings);
    const embedder = await workspace.embedder();
    return new ForewordEmbeddings({ ...fields, embedder, close: () => workspace.close() });
  }

  override async embedDocuments(documents: string[]): Promise<number[][]> {
    const vectors = await this.embedder.embed(documents, { kind: "passage" });
    return vectors.map((vector) => [...vector]);
  }

  override async embedQuery(document: string): Promise<number[]> {
    const [vector] = await this.embedder.embed([document], { kind: "query" });
    return [...vector!];
  }

  /** Frees the embedder, where this opened it. */
  async close(): Promise<void> {
    await this.#close?.();
  }
}
