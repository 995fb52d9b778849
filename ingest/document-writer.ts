import type { Corpus, Embedder, NewChunk, NewDocument } from "../retriever/index.ts";
import { embeddedText } from "./embedded-text.ts";

/** A document with its chunks, ready to be embedded and stored. */
export interface ChunkedDocument {
  readonly document: NewDocument;
  readonly chunks: readonly NewChunk[];
}

/** Chunks embedded together: sorted by length they leave little padding, and few enough that an interruption loses little. */
const CHUNKS_AT_ONCE = 256;

/** Of one large document. */
const MAX_EMBEDDED_AT_ONCE = 512;

/** Embeds and stores documents in batches; while one batch is embedded the next is read. */
export class DocumentWriter {
  readonly #corpus: Corpus;
  readonly #embedder: Embedder;
  readonly #signal: AbortSignal | undefined;
  readonly #onStored: (documents: readonly ChunkedDocument[]) => void;
  #waiting: ChunkedDocument[] = [];
  #chunkCount = 0;
  #batch: Promise<void> = Promise.resolve();
  #failure: { readonly reason: unknown } | undefined;

  /** `onStored`: called once documents are in the database for good. */
  constructor(options: {
    readonly corpus: Corpus;
    readonly embedder: Embedder;
    readonly signal: AbortSignal | undefined;
    readonly onStored: (documents: readonly ChunkedDocument[]) => void;
  }) {
    this.#corpus = options.corpus;
    this.#embedder = options.embedder;
    this.#signal = options.signal;
    this.#onStored = options.onStored;
  }

  /** Takes a document. What is thrown is no fault of this one's: see throwIfFailed. */
  async add(document: ChunkedDocument): Promise<void> {
    this.throwIfFailed();
    this.#waiting.push(document);
    this.#chunkCount += document.chunks.length;
    if (this.#chunkCount < CHUNKS_AT_ONCE) return;
    await this.#startBatch();
  }

  /** Throws what the embedder or the store failed with, which no document is to blame for and which ends the writing. */
  throwIfFailed(): void {
    if (this.#failure) throw this.#failure.reason;
  }

  /** Waits until all is stored. */
  async finish(): Promise<void> {
    await this.#startBatch();
    await this.#batch;
  }

  /** Waits for the batch under way, whose failure the caller has seen or will not: it fails for another reason already. */
  async abandon(): Promise<void> {
    await Promise.allSettled([this.#batch]);
  }

  async #startBatch(): Promise<void> {
    const documents = this.#waiting;
    this.#waiting = [];
    this.#chunkCount = 0;
    await this.#batch;
    if (documents.length === 0) return;
    this.#batch = this.#store(documents);
    // Thrown by the next call; until then it must not end the process as unhandled.
    this.#batch.catch((reason: unknown) => {
      this.#failure = { reason };
    });
  }

  async #store(documents: readonly ChunkedDocument[]): Promise<void> {
    const vectors = await this.#embed(documents);
    this.#corpus.transaction(() => {
      let first = 0;
      for (const { document, chunks } of documents) {
        this.#corpus.putDocument(document, chunks, vectors.slice(first, first + chunks.length));
        first += chunks.length;
      }
    });
    this.#onStored(documents);
  }

  /** A large document has its turn in parts: what the embedder makes of its texts on the way is a multiple of them. */
  async #embed(documents: readonly ChunkedDocument[]): Promise<Float32Array[]> {
    const all = documents.flatMap(({ document, chunks }) =>
      chunks.map((chunk) => ({ document, chunk })),
    );
    const vectors: Float32Array[] = [];
    for (let first = 0; first < all.length; first += MAX_EMBEDDED_AT_ONCE) {
      const texts = all
        .slice(first, first + MAX_EMBEDDED_AT_ONCE)
        .map(({ document, chunk }) => embeddedText(document, chunk));
      const options = { kind: "passage" as const, signal: this.#signal };
      vectors.push(...(await this.#embedder.embed(texts, options)));
    }
    return vectors;
  }
}
