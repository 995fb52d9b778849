import assert from "node:assert/strict";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import {
  backupStore,
  openCorpus,
  openRetriever,
  restoreFromBackup,
} from "../../retriever/index.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { openTestStore, type TestStore } from "./store.ts";

const other = hashEmbedder(48, "other");
let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
  await store.put("a", "lamp oil\n\nlamp wick");
  await store.put("b", "harbour wall");
});
afterEach(() => store.close());

async function stageAll(limit = 100): Promise<ReturnType<typeof store.corpus.stageVectors>> {
  const staged = store.corpus.stageVectors(other);
  const ids = staged.missing(limit);
  staged.put(ids, await other.embed(ids.map((id) => store.corpus.chunk(id)!.text)));
  return staged;
}

test("staged vectors change nothing until all are there, then all at once", async () => {
  const staged = await stageAll(2);
  assert.equal(staged.adopt(), false);
  assert.equal(store.corpus.embedder.id, store.embedder.id);
  const retriever = await openRetriever(store.folder, store);
  assert.equal((await retriever.search("harbour")).results[0]?.documentId, "b");
  assert.equal((await stageAll()).adopt(), true);
  assert.deepEqual(store.corpus.embedder, { id: "other", dimension: 48 });
  assert.deepEqual(store.corpus.checkIntegrity(), []);
  const corpus = openCorpus(store.folder, { embedder: other, create: false });
  const anew = await openRetriever(store.folder, { corpus, embedder: other });
  assert.equal((await anew.search("harbour wall", { mode: "dense" })).results[0]?.documentId, "b");
  corpus.close();
});

test("an interrupted run goes on where it was; a third embedder begins anew", async () => {
  await stageAll(2);
  assert.equal(store.corpus.stageVectors(other).missing(10).length, 1);
  assert.equal(store.corpus.stageVectors(hashEmbedder(8, "third")).missing(10).length, 3);
});

test("documents that come and go meanwhile are not lost and do not come back", async () => {
  const staged = await stageAll();
  store.corpus.removeDocument("a");
  await store.put("c", "late comer");
  assert.equal(staged.adopt(), false);
  assert.equal((await stageAll()).adopt(), true);
  assert.deepEqual(store.corpus.counts(), { documents: 2, chunks: 2 });
});

test("a search with the old embedder says that the store has another one now", async () => {
  const retriever = await openRetriever(store.folder, store);
  (await stageAll()).adopt();
  await assert.rejects(retriever.search("lamp"), { code: "store/mismatch", message: /other/ });
});

test("a writer that was open before brings in no vectors of the old embedder, though they are as long", async () => {
  const alike = hashEmbedder(store.embedder.dimension, "alike");
  const opened = openCorpus(store.folder, { create: false });
  const staged = opened.stageVectors(alike);
  const ids = staged.missing(10);
  staged.put(ids, await alike.embed(ids.map((id) => opened.chunk(id)!.text)));
  assert.equal(staged.adopt(), true);
  opened.close();
  const expected = {
    code: "store/mismatch",
    message: /^foreword-store-.*corpus\.db: .* of alike /,
  };
  await assert.rejects(store.put("c", "late comer"), expected);
  assert.equal(store.corpus.counts().documents, 2);
  assert.equal(store.corpus.removeDocument("a"), true, "what needs no vectors is done");
});

test("a restored backup of another embedder ends the writes and searches of those who had the store open", async () => {
  const alike = await openTestStore(hashEmbedder(store.embedder.dimension, "alike"));
  await alike.put("d", "an older harbour");
  const backup = join(alike.folder, "saved.backup");
  await backupStore(alike.folder, backup);
  const retriever = await openRetriever(store.folder, store);
  await restoreFromBackup(store.folder, backup);
  await alike.close();
  await assert.rejects(store.put("c", "late comer"), { code: "store/mismatch" });
  for (const mode of ["dense", "hybrid", "keyword"] as const) {
    await assert.rejects(retriever.search("harbour", { mode }), { code: "store/mismatch" });
  }
  assert.equal(store.corpus.counts().documents, 1);
});
