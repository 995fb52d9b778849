import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import {
  type Corpus,
  checkSavedIndex,
  keepBuiltIndex,
  openCorpus,
  openRetriever,
  Retriever,
  withStoreLock,
} from "../../retriever/index.ts";
import { documentOf, openTestStore } from "./store.ts";

const DIMENSION = 32;

/** Adds a document of one chunk for each number, with vectors at random, as another process would. */
function addDocuments(corpus: Corpus, from: number, to: number): void {
  const random = new Random(from);
  corpus.transaction(() => {
    for (let i = from; i < to; i++) {
      const text = `word${i}`;
      const vector = Float32Array.from({ length: DIMENSION }, () => random.normal());
      const norm = Math.hypot(...vector);
      const chunk = { start: 0, end: text.length, heading: [], text };
      const document = { ...documentOf(`d${i}`, text), metadata: { even: i % 2 === 0 } };
      corpus.putDocument(document, [chunk], [vector.map((x) => x / norm)]);
    }
  });
}

test("while the index is built, other work of the thread goes on, and the searches that wait find all", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  const retriever = await openRetriever(store.folder, store);
  const other = openCorpus(store.folder, { embedder: store.embedder, create: false });
  addDocuments(other, 0, 5000);
  let turns = 0;
  let isBuilt = false;
  const countTurns = () => {
    turns++;
    if (!isBuilt) setImmediate(countTurns);
  };
  setImmediate(countTurns);
  const first = [...other.vectors()][17]!;
  const found = await Promise.all([
    retriever.searchByVector(first.vector, { k: 1 }),
    retriever.search("word4999", { mode: "keyword" }).then(({ results }) => results),
  ]);
  isBuilt = true;
  other.close();
  assert.deepEqual(
    found.map(([best]) => best?.documentId),
    ["d17", "d4999"],
  );
  assert.ok(turns > 10, `other work ran ${turns} times`);
});

test("what another process adds, removes and saves while searches wait is in their results", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  addDocuments(store.corpus, 0, 3000);
  const retriever = await openRetriever(store.folder, store);
  const other = openCorpus(store.folder, { embedder: store.embedder, create: false });
  addDocuments(other, 3000, 5000);
  const last = [...other.vectors()].at(-1)!;
  const search = retriever.searchByVector(last.vector, { k: 1 });
  other.removeDocument("d4999");
  addDocuments(other, 5000, 5001);
  await (
    await openRetriever(store.folder, { corpus: other, embedder: store.embedder })
  ).saveIndex();
  assert.notEqual((await search)[0]?.documentId, "d4999");
  const newest = [...other.vectors()].at(-1)!;
  other.close();
  const [best] = await retriever.searchByVector(newest.vector, { k: 1 });
  assert.equal(best?.documentId, "d5000");
});

test("a search that is given up does not wait for the index", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  addDocuments(store.corpus, 0, 2500);
  const retriever = new Retriever(store.folder, store.corpus, store.embedder);
  const signal = AbortSignal.abort();
  const vector = new Float32Array(DIMENSION).fill(0.1);
  await assert.rejects(retriever.searchByVector(vector, { signal }), { name: "AbortError" });
  assert.equal((await retriever.searchByVector(vector)).length, 5);
});

test("a filter's chunks are those of now, by the graph and by comparing with each", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  addDocuments(store.corpus, 0, 9000);
  const retriever = await openRetriever(store.folder, store);
  const vector = store.corpus.vector(store.corpus.chunkIds()[8]!)!;
  for (const filter of [{ even: true }, { even: true, document: { in: ["d8", "d10", "d9"] } }]) {
    const search = async () =>
      (await retriever.searchByVector(vector, { k: 3, filter })).map((one) => one.documentId);
    const before = await search();
    assert.equal(before[0], "d8");
    assert.deepEqual(await search(), before);
    assert.ok(before.every((id) => Number(id.slice(1)) % 2 === 0));
  }
  store.corpus.removeDocument("d8");
  const again = await retriever.searchByVector(vector, { k: 3, filter: { even: true } });
  assert.ok(again.every(({ documentId }) => documentId !== "d8"));
  const words = await retriever.search("word11 word12", {
    mode: "keyword",
    filter: { even: true },
  });
  assert.deepEqual(
    words.results.map(({ documentId }) => documentId),
    ["d12"],
  );
});

test("an index that a reader had to build is saved once, unless the store is being written", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  addDocuments(store.corpus, 0, 2100);
  const { folder, corpus } = store;
  const open = () => openRetriever(folder, store);
  const locked = await withStoreLock(folder, { job: "test" }, async () =>
    keepBuiltIndex(folder, await open()),
  );
  assert.equal(locked, false);
  assert.equal((await checkSavedIndex(folder, corpus)).isCurrent, false);
  assert.equal(await keepBuiltIndex(folder, await open()), true);
  assert.deepEqual(await checkSavedIndex(folder, corpus), {
    ok: true,
    isCurrent: true,
    detail: "whole",
  });
  addDocuments(corpus, 2100, 2110);
  assert.equal(await keepBuiltIndex(folder, await open()), false);
});
