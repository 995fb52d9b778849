import {
  type Corpus,
  type Embedder,
  openCorpus,
  rebuildIndex,
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
      const embedded = before === embedder.id ? 0 : await embedAnew(corpus, options);
      await rebuildIndex(storeFolder, corpus);
      const seconds = (performance.now() - started) / 1000;
      return { ...corpus.counts(), embedded, embedder: { before, now: embedder.id }, seconds };
    });
  } finally {
    corpus.close();
  }
}

/** How many chunks were embedded by this run. */
async function embedAnew(corpus: Corpus, options: ReindexOptions): Promise<number> {
  const { embedder, signal, onProgress } = options;
  const staged = corpus.stageVectors(embedder);
  let done = 0;
  do {
    for (;;) {
      signal?.throwIfAborted();
      const ids = staged.missing(CHUNKS_AT_ONCE);
      if (ids.length === 0) break;
      const texts = ids.map((id) => textOf(corpus, id));
      staged.put(ids, await embedder.embed(texts, { kind: "passage", signal }));
      done += ids.length;
      onProgress?.(done, corpus.counts().chunks);
    }
    // A program that keeps no lock may have added documents meanwhile.
  } while (!staged.adopt());
  return done;
}

/** Nothing for a chunk that was removed a moment ago: its vector goes with the rest. */
function textOf(corpus: Corpus, id: number): string {
  const chunk = corpus.chunk(id);
  const document = chunk && corpus.document(chunk.documentId);
  return document ? embeddedText(document, chunk) : "";
}
