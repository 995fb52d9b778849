import {
  type Corpus,
  type Embedder,
  openCorpus,
  rebuildIndex,
  removeSavedIndex,
  type StoreLockOptions,
  withStoreLock,
} from "../retriever/index.ts";
import { embeddedText } from "./embedded-text.ts";

export interface ReindexOptions extends Pick<StoreLockOptions, "waitMs" | "signal" | "onWait"> {
  readonly storeFolder: string;
  /** The embedder the store shall have. */
  readonly embedder: Embedder;
  readonly onProgress?: (done: number, total: number) => void;
}

export interface ReindexSummary {
  readonly documents: number;
  readonly chunks: number;
  /** Chunks that were embedded; 0 where the store had this embedder already. */
  readonly embedded: number;
  /** Of these, chunks that are longer than the embedder reads: what it cuts off is found by keywords only, until ingest cuts them anew. */
  readonly tooLong: number;
  readonly embedder: { readonly before: string; readonly now: string };
  readonly seconds: number;
}

const CHUNKS_AT_ONCE = 256;

/**
 * Gives a store the vectors of an embedder, where it has those of another, and builds its index anew. Until all vectors are
 * there the store is searched as before; an interrupted run goes on where it stopped. Passages stay cut as they are.
 * @throws RagError store/empty, store/invalid, file/locked, file/write-failed
 */
export async function reindex(options: ReindexOptions): Promise<ReindexSummary> {
  const { storeFolder, embedder } = options;
  const started = performance.now();
  const corpus = openCorpus(storeFolder, { create: false });
  try {
    return await withStoreLock(storeFolder, { ...options, job: "reindex" }, async () => {
      const before = corpus.embedder.id;
      const done = before === embedder.id ? NOTHING : await embedAnew(corpus, options);
      await rebuildIndex(storeFolder, corpus);
      const seconds = (performance.now() - started) / 1000;
      return { ...corpus.counts(), ...done, embedder: { before, now: embedder.id }, seconds };
    });
  } finally {
    corpus.close();
  }
}

/** What this run embedded. */
type Embedded = Pick<ReindexSummary, "embedded" | "tooLong">;
const NOTHING: Embedded = { embedded: 0, tooLong: 0 };

async function embedAnew(corpus: Corpus, options: ReindexOptions): Promise<Embedded> {
  const { embedder, signal, onProgress } = options;
  const staged = corpus.stageVectors(embedder);
  let embedded = 0;
  let tooLong = 0;
  do {
    for (;;) {
      signal?.throwIfAborted();
      const ids = staged.missing(CHUNKS_AT_ONCE);
      if (ids.length === 0) break;
      const texts = ids.map((id) => textOf(corpus, id));
      staged.put(ids, await embedder.embed(texts, { kind: "passage", signal }));
      tooLong += texts.filter((text) => embedder.countTokens(text) > embedder.maxTokens).length;
      embedded += ids.length;
      onProgress?.(embedded, corpus.counts().chunks);
    }
    // A process killed before the new index is there shall leave none, not one of the old vectors.
    await removeSavedIndex(options.storeFolder);
    // A program that keeps no lock may have added documents meanwhile.
  } while (!staged.adopt());
  return { embedded, tooLong };
}

/** Nothing for a chunk that was removed a moment ago: its vector goes with the rest. */
function textOf(corpus: Corpus, id: number): string {
  const chunk = corpus.chunk(id);
  const document = chunk && corpus.document(chunk.documentId);
  return document ? embeddedText(document, chunk) : "";
}
