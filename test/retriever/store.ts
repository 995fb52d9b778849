import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Corpus, type Embedder, type NewDocument, openCorpus } from "../../retriever/index.ts";
import { hashEmbedder } from "./hash-embedder.ts";

/** A store in a temporary folder. */
export interface TestStore {
  readonly folder: string;
  readonly corpus: Corpus;
  readonly embedder: Embedder;
  put(id: string, text: string, change?: Partial<NewDocument>): Promise<void>;
  close(): Promise<void>;
}

export async function openTestStore(embedder = hashEmbedder()): Promise<TestStore> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-store-"));
  const corpus = openCorpus(folder, { embedder, create: true });
  return {
    folder,
    corpus,
    embedder,
    put: (id, text, change) => putText(corpus, embedder, { ...documentOf(id, text), ...change }),
    close: async () => {
      corpus.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export const documentOf = (id: string, text: string): NewDocument => ({
  id,
  source: `${id}.txt`,
  title: id,
  format: "txt",
  hash: id,
  text,
  metadata: {},
});

/** Stores a document as one chunk for each of its paragraphs. */
export async function putText(
  corpus: Corpus,
  embedder: Embedder,
  document: NewDocument,
): Promise<void> {
  let start = 0;
  const chunks = document.text.split("\n\n").map((text) => {
    const chunk = { start, end: start + text.length, heading: [], text };
    start += text.length + 2;
    return chunk;
  });
  const vectors = await embedder.embed(chunks.map(({ text }) => text));
  corpus.putDocument(document, chunks, vectors);
}
