import type { Passage } from "../passage.ts";

/** A document as the page lists it. */
export interface ListedDocument {
  readonly id: string;
  readonly source: string;
  readonly title: string;
  readonly format: string;
}

/** A piece of a document's text; offsets in UTF-16 units. */
export interface DocumentText extends ListedDocument {
  readonly start: number;
  readonly end: number;
  /** Of the whole document. */
  readonly length: number;
  readonly text: string;
}

/** A learned prompt as the page shows it. Scores are 0 to 100. */
export interface ShownPrompt {
  readonly name: string;
  /** Why it cannot be used, if so. */
  readonly problem?: string;
  readonly about?: object;
}

/** What the page shows of a store. */
export interface StoreView {
  status(): Promise<{
    readonly model: string;
    readonly embedder: string;
    readonly documents: number;
    readonly passages: number;
  }>;
  /** By source; `limit` of them from `offset`. */
  documents(range: { readonly offset: number; readonly limit: number }): Promise<ListedDocument[]>;
  /** @throws RagError request/not-found */
  documentText(
    id: string,
    range: { readonly start: number; readonly end: number },
  ): Promise<DocumentText>;
  /** @throws RagError request/not-found, file/locked while another process writes to the store */
  removeDocument(id: string): Promise<void>;
  search(query: string, k: number, signal: AbortSignal): Promise<readonly Passage[]>;
  prompts(): Promise<readonly ShownPrompt[]>;
  /** @throws RagError prompt/not-found */
  removePrompt(name: string): Promise<void>;
}
