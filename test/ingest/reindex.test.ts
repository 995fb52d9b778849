import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ingest, reindex } from "../../ingest/index.ts";
import {
  type Corpus,
  type Embedder,
  openCorpus,
  openRetriever,
  withStoreLock,
} from "../../retriever/index.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";
import { openTestStore, type TestStore } from "../retriever/store.ts";

async function manyDocuments(): Promise<TestStore> {
  const store = await openTestStore();
  for (let i = 0; i < 300; i++) await store.put(`d${i}`, `word${i} of row${i % 7}`);
  return store;
}

test("a store gets the vectors of another embedder, of the same texts that ingest embeds", async (t) => {
  const store = await manyDocuments();
  t.after(() => store.close());
  const other = hashEmbedder(24, "other");
  const seen: string[] = [];
  const summary = await reindex({
    storeFolder: store.folder,
    embedder: {
      ...other,
      embed: (texts, options) => {
        seen.push(...texts);
        return other.embed(texts, options);
      },
    },
  });
  assert.deepEqual([summary.embedded, summary.chunks, summary.documents], [300, 300, 300]);
  assert.deepEqual(summary.embedder, { before: "hash-32", now: "other" });
  assert.equal(seen[0], "d0\nword0 of row0");
  const corpus = openCorpus(store.folder, { embedder: other, create: false });
  const retriever = await openRetriever(store.folder, { corpus, embedder: other });
  const { results } = await retriever.search("d77 word77 of row0", { mode: "dense", k: 1 });
  assert.equal(results[0]?.documentId, "d77");
  corpus.close();
});

test("passages longer than the new embedder reads are counted, and cut anew by the next ingest", async (t) => {
  const store = await openTestStore();
  const root = await mkdtemp(join(tmpdir(), "foreword-reindex-"));
  t.after(async () => {
    await store.close();
    await rm(root, { recursive: true, force: true });
  });
  const sentences = Array.from({ length: 12 }, (_, i) => `Sentence ${i} has a few words more.`);
  await writeFile(join(root, "long.txt"), sentences.join(" "));
  const run = (embedder: Embedder, corpus: Corpus) =>
    ingest({ paths: ["long.txt"], root, corpus, embedder, storeFolder: store.folder });
  assert.equal((await run(store.embedder, store.corpus)).chunks, 1);
  const short = { ...hashEmbedder(24, "short"), maxTokens: 32 };
  assert.equal((await reindex({ storeFolder: store.folder, embedder: short })).tooLong, 1);
  const corpus = openCorpus(store.folder, { embedder: short, create: false });
  t.after(() => corpus.close());
  const again = await run(short, corpus);
  assert.equal(again.documents.updated, 1);
  assert.ok(again.chunks > 1);
  assert.equal((await run(short, corpus)).documents.unchanged, 1);
});

test("interrupted, the store is as before, and the next run embeds only the rest", async (t) => {
  const store = await manyDocuments();
  t.after(() => store.close());
  const other = hashEmbedder(24, "other");
  const abort = new AbortController();
  const run = (signal?: AbortSignal) =>
    reindex({
      storeFolder: store.folder,
      embedder: other,
      signal,
      onProgress: () => abort.abort(),
    });
  await assert.rejects(run(abort.signal), { name: "AbortError" });
  assert.equal(store.corpus.embedder.id, "hash-32");
  const retriever = await openRetriever(store.folder, store);
  assert.equal((await retriever.search("word5")).results[0]?.documentId, "d5");
  assert.equal((await run()).embedded, 300 - 256);
});

test("with the embedder it has, nothing is embedded; while another writes, it is refused", async (t) => {
  const store = await manyDocuments();
  t.after(() => store.close());
  const options = { storeFolder: store.folder, embedder: store.embedder };
  assert.equal((await reindex(options)).embedded, 0);
  await withStoreLock(store.folder, { job: "ingest" }, () =>
    assert.rejects(reindex(options), { code: "file/locked", message: /\(ingest, process/ }),
  );
});
