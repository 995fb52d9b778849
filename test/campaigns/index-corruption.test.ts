import assert from "node:assert/strict";
import { copyFile, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Random, sha256 } from "../../core/index.ts";
import { HnswIndex } from "../../retriever/index/hnsw-index.ts";
import { openRetriever } from "../../retriever/index.ts";
import { checkSavedIndex } from "../../retriever/search/index-keeper.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";
import { documentOf, openTestStore, type TestStore } from "../retriever/store.ts";

const MANIFEST = "index.json";
const HEADER_BYTES = 96;

/** A store large enough for a graph, with that saved. `shift` makes its texts differ from another's. */
async function storeWithIndex(dimension: number, shift: number): Promise<TestStore> {
  const store = await openTestStore(hashEmbedder(dimension, "same"));
  const texts = Array.from({ length: 2010 }, (_, i) => `word${i + shift} of row${i % 70}`);
  const vectors = await store.embedder.embed(texts);
  store.corpus.transaction(() => {
    for (const [i, text] of texts.entries()) {
      const chunk = { start: 0, end: text.length, heading: [], text };
      store.corpus.putDocument(documentOf(`d${i}`, text), [chunk], [vectors[i]!]);
    }
  });
  await (await openRetriever(store.folder, store)).saveIndex();
  return store;
}

const graphName = async ({ folder }: TestStore) =>
  (await readdir(folder)).find((name) => name.endsWith(".hnsw"))!;

describe("200 ways in which the saved index can be wrong", () => {
  let store: TestStore;
  let other: TestStore;
  let narrow: TestStore;
  let graph: string;
  let whole: ReadonlyMap<string, Buffer>;
  before(async () => {
    store = await storeWithIndex(16, 0);
    other = await storeWithIndex(16, 500);
    narrow = await storeWithIndex(8, 0);
    graph = await graphName(store);
    const read = async (name: string) => [name, await readFile(join(store.folder, name))] as const;
    whole = new Map([await read(graph), await read(MANIFEST)]);
  });
  after(async () => {
    for (const one of [store, other, narrow]) await one.close();
  });

  const search = async () => {
    const retriever = await openRetriever(store.folder, store);
    const { results } = await retriever.search("word77 of row7", { k: 5, mode: "dense" });
    return results.map(({ id, score }) => ({ id, score }));
  };
  const restore = async () => {
    for (const [name, bytes] of whole) await writeFile(join(store.folder, name), bytes);
  };

  /** Each makes some damage; the random numbers say where. */
  const damages: readonly (readonly [
    what: string,
    count: number,
    damage: (random: Random) => Promise<void>,
  ])[] = [
    ["a bit of the graph's header is flipped", 40, (r) => flip(graph, r, 0, HEADER_BYTES)],
    ["a bit of the graph's body is flipped", 50, (r) => flip(graph, r, HEADER_BYTES)],
    ["the graph is cut short", 30, (r) => change(graph, (b) => b.subarray(0, r.integer(b.length)))],
    ["bytes follow the graph", 10, (r) => change(graph, (b) => pad(b, 1 + r.integer(5000)))],
    ["a stretch of the graph is zeros", 15, (r) => zeros(graph, r)],
    ["the graph is empty", 1, () => change(graph, (b) => b.subarray(0, 0))],
    ["the graph is gone", 1, () => rm(join(store.folder, graph))],
    ["the graph is another store's", 1, () => swapGraph(other)],
    ["the graph has another dimension", 1, () => swapGraph(narrow)],
    ["graph and manifest are another store's", 1, () => swapBoth(other)],
    ["graph and manifest have another dimension", 1, () => swapBoth(narrow)],
    ["a bit of the manifest is flipped", 25, (r) => flip(MANIFEST, r, 0)],
    [
      "the manifest is cut short",
      15,
      (r) => change(MANIFEST, (b) => b.subarray(0, r.integer(b.length))),
    ],
    ["an id of the manifest is left out", 5, (r) => dropId(r)],
    ["the manifest names a file elsewhere", 1, () => editManifest({ file: "../../etc/passwd" })],
    ["the manifest vouches for damage", 3, vouchForDamage],
  ];

  for (const [what, count, damage] of damages) {
    test(`${what} (${count})`, async (t) => {
      const read = t.mock.method(HnswIndex, "read");
      await restore();
      const expected = await search();
      assert.equal(read.mock.callCount(), 1, "the whole index is read");
      for (let seed = 0; seed < count; seed++) {
        await restore();
        await damage(new Random(seed));
        const { ok, detail } = await checkSavedIndex(store.folder, store.corpus);
        assert.equal(ok, false, detail);
        assert.match(detail, /index-[0-9a-f]+\.hnsw is damaged or gone|not written by this store/);
        // Building it again takes its time: the answers are compared once for every kind.
        if (seed === 0) assert.deepEqual(await search(), expected);
      }
      assert.equal(read.mock.callCount(), 1, "no damaged byte reaches native code");
    });
  }

  test("they are 200, and the whole index is still whole", async () => {
    assert.equal(
      damages.reduce((sum, [, count]) => sum + count, 0),
      200,
    );
    await restore();
    const { ok, isCurrent } = await checkSavedIndex(store.folder, store.corpus);
    assert.deepEqual([ok, isCurrent], [true, true]);
  });

  async function change(name: string, edit: (bytes: Buffer) => Buffer): Promise<void> {
    await writeFile(join(store.folder, name), edit(Buffer.from(whole.get(name)!)));
  }

  function flip(name: string, random: Random, from: number, to = whole.get(name)!.length) {
    return change(name, (bytes) => {
      bytes[from + random.integer(to - from)]! ^= 1 << random.integer(8);
      return bytes;
    });
  }

  function zeros(name: string, random: Random) {
    return change(name, (bytes) => {
      const start = random.integer(bytes.length - 5000);
      return bytes.fill(0, start, start + 5000);
    });
  }

  async function swapGraph(from: TestStore): Promise<void> {
    await copyFile(join(from.folder, await graphName(from)), join(store.folder, graph));
  }

  async function swapBoth(from: TestStore): Promise<void> {
    for (const name of [MANIFEST, await graphName(from)]) {
      await copyFile(join(from.folder, name), join(store.folder, name));
    }
  }

  function editManifest(edit: object): Promise<void> {
    return change(MANIFEST, (bytes) =>
      Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), ...edit })),
    );
  }

  function dropId(random: Random): Promise<void> {
    const ids: number[] = JSON.parse(whole.get(MANIFEST)!.toString()).ids;
    ids.splice(random.integer(ids.length), 1);
    return editManifest({ ids });
  }

  /** A damaged graph with a manifest that tells its checksum. */
  async function vouchForDamage(random: Random): Promise<void> {
    await flip(graph, random, HEADER_BYTES);
    const bytes = await readFile(join(store.folder, graph));
    await editManifest({ sha256: sha256(bytes) });
  }
});

const pad = (bytes: Buffer, count: number) => Buffer.concat([bytes, Buffer.alloc(count, 7)]);
