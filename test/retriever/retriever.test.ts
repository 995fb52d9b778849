import assert from "node:assert/strict";
import { copyFile, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, test } from "node:test";
import { Random, sha256 } from "../../core/index.ts";
import { ExactIndex } from "../../retriever/index/exact-index.ts";
import { requireWholeGraph } from "../../retriever/index/graph-file.ts";
import { HnswIndex } from "../../retriever/index/hnsw-index.ts";
import { checkSavedIndex, openCorpus, openRetriever } from "../../retriever/index.ts";
import { documentOf, openTestStore, type TestStore } from "./store.ts";

const DIMENSION = 24;

function unitVector(random: Random): Float32Array {
  const vector = Float32Array.from({ length: DIMENSION }, () => random.normal());
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}

test("HNSW finds what comparing with every vector finds, also after removals", () => {
  const random = new Random(3);
  const [exact, hnsw] = [new ExactIndex(), HnswIndex.empty(DIMENSION)];
  for (let id = 1; id <= 3000; id++) {
    const vector = unitVector(random);
    exact.add(id, vector);
    hnsw.add(id, vector);
  }
  for (let id = 1; id <= 3000; id += 4) {
    exact.remove(id);
    hnsw.remove(id);
  }
  let found = 0;
  for (let i = 0; i < 100; i++) {
    const query = unitVector(random);
    const expected = new Set(exact.search(query, 10).map(({ id }) => id));
    found += hnsw.search(query, 10).filter(({ id }) => expected.has(id)).length;
  }
  assert.ok(found >= 980, `${found} of 1000`);
  assert.equal(hnsw.size, 2250);
  assert.equal(hnsw.stored, 3000);
});

for (const [name, make] of [
  ["exact", () => new ExactIndex()],
  ["HNSW", () => HnswIndex.empty(DIMENSION)],
] as const) {
  test(`${name}: k of nothing, of zero and of more than there are are defined`, () => {
    const random = new Random(4);
    const index = make();
    const query = unitVector(random);
    assert.deepEqual(index.search(query, 5), []);
    for (let id = 1; id <= 3; id++) index.add(id, unitVector(random));
    assert.deepEqual(index.search(query, 0), []);
    assert.equal(index.search(query, 50).length, 3);
    assert.deepEqual(
      index.search(
        query.map(() => Number.NaN),
        3,
      ),
      [],
    );
    assert.deepEqual(
      index.search(query, 3, (id) => id === 2).map(({ id }) => id),
      [2],
    );
  });
}

for (const [name, make] of [
  ["exact", () => new ExactIndex()],
  ["HNSW", () => HnswIndex.empty(DIMENSION)],
] as const) {
  test(`${name}: copies of a vector are all found, zero vectors score 0, and after all are removed there is nothing`, () => {
    const random = new Random(6);
    const index = make();
    const repeated = unitVector(random);
    for (let id = 1; id <= 60; id++) index.add(id, repeated);
    for (let id = 61; id <= 400; id++) index.add(id, unitVector(random));
    index.add(401, new Float32Array(DIMENSION));
    const found = index.search(repeated, 60);
    assert.deepEqual(
      found.map(({ id }) => id),
      Array.from({ length: 60 }, (_, i) => i + 1),
    );
    assert.ok(found.every(({ score }) => Math.abs(score - 1) < 1e-5));
    const zero = index.search(new Float32Array(DIMENSION), 5);
    assert.equal(zero.length, 5);
    assert.ok(zero.every(({ score }) => score === 0));
    for (let id = 1; id <= 401; id++) index.remove(id);
    assert.equal(index.size, 0);
    assert.deepEqual(index.search(repeated, 10), []);
  });
}

describe("searching a store", () => {
  let store: TestStore;
  beforeEach(async () => {
    store = await openTestStore();
    await store.put("lamp", "The keeper trims the lamp every four hours.", { format: "md" });
    await store.put("bread", "Bread is baked on the second deck before dawn.");
    await store.put("names", 'Gulls named "NEAR" and AND OR NOT (x:y) * ^ fly over.');
  });
  afterEach(() => store.close());
  const open = () => openRetriever(store.folder, store);

  test("finds by meaning, by word and by both, and says where", async () => {
    const retriever = await open();
    for (const mode of ["dense", "keyword", "hybrid"] as const) {
      const { results } = await retriever.search("who trims the lamp", { mode, k: 2 });
      assert.equal(results[0]!.documentId, "lamp", mode);
      assert.deepEqual(
        [results[0]!.start, results[0]!.end, results[0]!.source],
        [0, 43, "lamp.txt"],
      );
    }
  });

  test("keyword mode needs no vector, and finds only what shares a word", async () => {
    const retriever = await open();
    const { results } = await retriever.search("baked", { mode: "keyword" });
    assert.deepEqual(
      results.map(({ documentId }) => documentId),
      ["bread"],
    );
    assert.equal(results[0]!.denseRank, undefined);
  });

  test("no text is read as search syntax", async () => {
    const retriever = await open();
    for (const query of [
      '"',
      'NEAR("a" "b")',
      "a* OR b",
      "text:lamp",
      "AND",
      "((",
      "'; DROP TABLE",
    ]) {
      const { results } = await retriever.search(query, { mode: "hybrid" });
      assert.ok(results.length > 0, query);
    }
    assert.equal(
      (await retriever.search("NEAR", { mode: "keyword" })).results[0]!.documentId,
      "names",
    );
  });

  test("a filter keeps to the documents that pass", async () => {
    const retriever = await open();
    const { results } = await retriever.search("bread lamp gulls", { filter: { format: "md" } });
    assert.deepEqual(
      results.map(({ documentId }) => documentId),
      ["lamp"],
    );
    const none = await retriever.search("bread", { filter: { format: "pdf" } });
    assert.deepEqual(none.results, []);
  });

  test("a change is found by the next search, a removed document by none", async () => {
    const retriever = await open();
    await store.put("new", "A heron waits by the lock.");
    assert.equal((await retriever.search("heron lock")).results[0]!.documentId, "new");
    store.corpus.removeDocument("new");
    const { results } = await retriever.search("heron lock", { k: 10 });
    assert.ok(!results.some(({ documentId }) => documentId === "new"));
  });

  test("a change by another connection is found too", async () => {
    const retriever = await open();
    const other = openCorpus(store.folder, { embedder: store.embedder, create: false });
    const [vector] = await store.embedder.embed(["Otters at the weir."]);
    const chunk = { start: 0, end: 19, heading: [], text: "Otters at the weir." };
    other.putDocument(documentOf("otter", chunk.text), [chunk], [vector!]);
    other.close();
    assert.equal((await retriever.search("otters weir")).results[0]!.documentId, "otter");
  });

  test("many queries give what each alone gives", async () => {
    const retriever = await open();
    const queries = ["lamp keeper", "bread deck"];
    const together = await retriever.searchMany(queries, { k: 2 });
    for (const [index, query] of queries.entries()) {
      assert.deepEqual(together[index], (await retriever.search(query, { k: 2 })).results);
    }
  });

  test("an empty store says what to do", async () => {
    for (const { id } of [...store.corpus.documents()]) store.corpus.removeDocument(id);
    const retriever = await open();
    await assert.rejects(retriever.search("lamp"), { code: "store/empty", message: /ingest/ });
  });
});

describe("the index file of a large store", () => {
  let store: TestStore;
  beforeEach(async () => {
    store = await openTestStore();
    const texts = Array.from({ length: 2100 }, (_, i) => `word${i} of row${i % 70}`);
    const vectors = await store.embedder.embed(texts);
    store.corpus.transaction(() => {
      for (const [i, text] of texts.entries()) {
        const chunk = { start: 0, end: text.length, heading: [], text };
        store.corpus.putDocument(documentOf(`d${i}`, text), [chunk], [vectors[i]!]);
      }
    });
    await (await openRetriever(store.folder, store)).saveIndex();
  });
  afterEach(() => store.close());

  const graphFile = async () => {
    const names = await readdir(store.folder);
    return join(store.folder, names.find((name) => name.endsWith(".hnsw"))!);
  };
  const search = async () => {
    const retriever = await openRetriever(store.folder, store);
    return (await retriever.search("word77 of row7", { k: 3 })).results;
  };

  test("is one graph and one manifest, and gives the same results as building anew", async () => {
    const names = (await readdir(store.folder)).filter((name) => name.startsWith("index"));
    assert.equal(names.length, 2);
    const loaded = await search();
    await writeFile(join(store.folder, "index.json"), "{}");
    assert.deepEqual(await search(), loaded);
    assert.equal(loaded[0]!.documentId, "d77");
  });

  test("cut short, bit-flipped, foreign or with a broken manifest, it is never read and never wrong", async () => {
    const expected = await search();
    const path = await graphFile();
    const whole = await readFile(path);
    const random = new Random(9);
    for (let i = 0; i < 10; i++) {
      const damaged = Buffer.from(whole);
      damaged[random.integer(damaged.length)]! ^= 1 << random.integer(8);
      await writeFile(path, damaged);
      assert.deepEqual(await search(), expected);
    }
    await writeFile(path, whole);
    await truncate(path, Math.floor(whole.length / 2));
    assert.deepEqual(await search(), expected);
    await writeFile(join(store.folder, "index.json"), '{"version":1,"ids":[1,2');
    assert.deepEqual(await search(), expected);
  });

  test("of another store with the same embedder is not used, although it is whole", async () => {
    const other = await openTestStore();
    const names = (await readdir(store.folder)).filter((name) => name.startsWith("index"));
    const texts = Array.from({ length: 2100 }, (_, i) => `word${2099 - i} of row${i % 70}`);
    const vectors = await other.embedder.embed(texts);
    other.corpus.transaction(() => {
      for (const [i, text] of texts.entries()) {
        const chunk = { start: 0, end: text.length, heading: [], text };
        other.corpus.putDocument(documentOf(`d${i}`, text), [chunk], [vectors[i]!]);
      }
    });
    await (await openRetriever(other.folder, other)).saveIndex();
    for (const name of names) await copyFile(join(store.folder, name), join(other.folder, name));
    const retriever = await openRetriever(other.folder, other);
    const query = { mode: "dense", k: 1 } as const;
    const { results } = await retriever.search("word77 of row7", query);
    assert.equal(results[0]!.text.split(" ")[0], "word77");
    await other.close();
  });

  test("is empty once every document is removed, and starts again with the next", async () => {
    const retriever = await openRetriever(store.folder, store);
    store.corpus.transaction(() => {
      for (const { id } of [...store.corpus.documents()]) store.corpus.removeDocument(id);
    });
    await assert.rejects(retriever.search("word77"), { code: "store/empty" });
    await retriever.saveIndex();
    assert.deepEqual(
      (await readdir(store.folder)).filter((name) => name.startsWith("index")),
      [],
    );
    await store.put("first", "word77 again");
    assert.equal((await retriever.search("word77")).results[0]!.documentId, "first");
  });

  test("stays valid however many processes die before they put a newer one in its place", async () => {
    const manifest = await readFile(join(store.folder, "index.json"), "utf8");
    const inPlace = sha256(manifest);
    for (const died of ["first", "second", "third"]) {
      store.corpus.vouchForSnapshot(sha256(died), inPlace);
      assert.deepEqual(store.corpus.snapshots, [sha256(died), inPlace]);
    }
    assert.equal((await checkSavedIndex(store.folder, store.corpus)).ok, true);
    await store.put("late", "word77 of row7 again");
    const { ok, isCurrent } = await checkSavedIndex(store.folder, store.corpus);
    assert.deepEqual([ok, isCurrent], [true, false]);
  });

  test("a graph that was not written to its end, as on a full disk, is noticed", async () => {
    const path = await graphFile();
    await requireWholeGraph(path, 2100);
    const { size } = await stat(path);
    for (const bytes of [size - 1, size - 4000, 5000, 95, 0]) {
      await truncate(path, bytes);
      await assert.rejects(requireWholeGraph(path, 2100), { code: "file/write-failed" });
    }
  });

  test("replaced by a newer one, or removed, while it is being loaded, is no error", async (t) => {
    const writer = await openRetriever(store.folder, store);
    await store.put("late", "word77 of row7 again");
    let replace = () => writer.saveIndex();
    const found = async () => (await search()).map(({ documentId }) => documentId);
    const read = HnswIndex.read.bind(HnswIndex);
    const reading = t.mock.method(HnswIndex, "read", async (...from: Parameters<typeof read>) => {
      await replace();
      replace = async () => {};
      return read(...from);
    });
    assert.ok((await found()).includes("late"));
    assert.equal(reading.mock.callCount(), 2, "the newer one was loaded");
    const path = await graphFile();
    replace = () => rm(path);
    assert.ok((await found()).includes("late"));
    assert.equal(reading.mock.callCount(), 3, "then it was built");
  });

  test("is caught up with what changed since it was written", async () => {
    store.corpus.removeDocument("d77");
    await store.put("late", "word77 of row7 again");
    const results = await search();
    assert.equal(results[0]!.documentId, "late");
    assert.ok(!results.some(({ documentId }) => documentId === "d77"));
  });
});
