import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SCHEMA } from "../../retriever/corpus/schema.ts";
import {
  CORPUS_FILE,
  type Corpus,
  type Embedder,
  loadSqlite,
  type NewDocument,
  openCorpus,
} from "../../retriever/index.ts";
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

/** A store with document "a", as the first version with today's schema number made it. */
export async function makeFirstStore(folder: string, embedder = hashEmbedder()): Promise<void> {
  const Sqlite = loadSqlite();
  await mkdir(folder);
  const database = new Sqlite(join(folder, CORPUS_FILE));
  database.exec(SCHEMA);
  const { id, dimension } = embedder;
  const meta = { embedder: id, dimension, sequence: 0, epoch: "first", keywords: 2 };
  const set = database.prepare("INSERT INTO meta VALUES (?, ?)");
  for (const [key, value] of Object.entries(meta)) set.run(key, String(value));
  database.exec(
    `INSERT INTO documents VALUES ('a', 'a.txt', 'a', 'txt', '', 'a', 'one', '{}');
     PRAGMA user_version = 2;`,
  );
  database.close();
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
