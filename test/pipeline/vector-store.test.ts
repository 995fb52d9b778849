import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { InMemoryRecordManager } from "@langchain/community/indexes/memory";
import { Document } from "@langchain/core/documents";
import { Embeddings } from "@langchain/core/embeddings";
import { index } from "@langchain/core/indexing";
import { AIMessage, type BaseMessage, HumanMessage } from "@langchain/core/messages";
import { FakeListChatModel } from "@langchain/core/utils/testing";
import { createAgent } from "langchain";
import { Random } from "../../core/index.ts";
import { ingest, reindex } from "../../ingest/index.ts";
import {
  ForewordEmbeddings,
  ForewordRetriever,
  ForewordVectorStore,
  openStore,
  retrieverTool,
} from "../../pipeline/index.ts";
import { CrossEncoder, withStoreLock } from "../../retriever/index.ts";
import { resolveModel } from "../../runtime/index.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";
import { BruteForceStore } from "./brute-force-store.ts";

/** A folder that goes after the test, once what is open in it is closed. */
async function storeFolder(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "foreword-vectors-"));
  const opened: { close(): Promise<void> }[] = [];
  t.after(async () => {
    for (const one of opened) await one.close();
    await rm(folder, { recursive: true, force: true });
  });
  const closing = <Closable extends { close(): Promise<void> }>(one: Closable): Closable => {
    opened.push(one);
    return one;
  };
  return { folder, closing };
}

async function openTest(
  t: TestContext,
  { folder, closing }: Partial<Awaited<ReturnType<typeof storeFolder>>> = {},
): Promise<ForewordVectorStore> {
  const embeddings = new ForewordEmbeddings({ embedder: hashEmbedder() });
  const place = folder && closing ? { folder, closing } : await storeFolder(t);
  return place.closing(await ForewordVectorStore.open({ store: place.folder, embeddings }));
}

const document = (pageContent: string, metadata: Record<string, unknown> = {}, id?: string) =>
  new Document({ pageContent, metadata, ...(id === undefined ? {} : { id }) });
const texts = (documents: readonly { readonly pageContent: string }[]) =>
  documents.map(({ pageContent }) => pageContent).sort();
const WORDS = "tide harbour lantern rope gull salt mast keel anchor chart reef sail storm".split(
  " ",
);

test("random additions, removals and searches agree with a brute-force store", async (t) => {
  const store = await openTest(t);
  const judge = new BruteForceStore(store.embeddings, {});
  const random = new Random(11);
  const sentence = () =>
    Array.from({ length: 6 }, () => WORDS[random.integer(WORDS.length)]).join(" ");
  for (let round = 0; round < 60; round++) {
    const ids = Array.from({ length: 10 }, () => `d${random.integer(150)}`);
    const unique = [...new Set(ids)];
    const documents = unique.map((id) => document(`${sentence()} ${id}`, { group: id.length }));
    for (const one of [store, judge]) await one.addDocuments(documents, { ids: unique });
    const gone = Array.from({ length: 5 }, () => `d${random.integer(150)}`);
    for (const one of [store, judge]) await one.delete({ ids: gone });
    const filter = random.integer(2) === 0 ? { group: 3 } : undefined;
    const [query, k] = [sentence(), 1 + random.integer(12)];
    const found = await store.similaritySearchWithScore(query, k, filter);
    const expected = await judge.similaritySearchWithScore(query, k, filter);
    assert.deepEqual(
      found.map(([{ id, pageContent, metadata }]) => ({ id, pageContent, metadata })),
      expected.map(([{ id, pageContent, metadata }]) => ({ id, pageContent, metadata })),
    );
    for (const [at, [, score]] of found.entries()) {
      assert.ok(Math.abs(score - expected[at]![1]) < 1e-5);
    }
    const options = { k: 5, fetchK: 15, lambda: 0.4, ...(filter && { filter }) };
    assert.deepEqual(
      (await store.maxMarginalRelevanceSearch(query, options)).map(({ id }) => id),
      (await judge.maxMarginalRelevanceSearch(query, options)).map(({ id }) => id),
    );
  }
});

test("a document comes back with its id and all of its metadata", async (t) => {
  const store = await openTest(t);
  const metadata = {
    source: "notes/tide.pdf",
    loc: { pageNumber: 4, lines: { from: 1, to: 9 } },
    tags: ["sea", "moon"],
    year: 2021,
    draft: false,
    none: null,
    "dotted.key": "kept",
  };
  assert.deepEqual(await store.addDocuments([document("high water", metadata, "own")]), ["own"]);
  const [found] = await store.similaritySearch("water", 1);
  assert.deepEqual(
    { ...found },
    { ...new Document({ id: "own", pageContent: "high water", metadata }) },
  );
});

test("documents without an id get one each, and may be alike", async (t) => {
  const store = await openTest(t);
  const ids = await store.addDocuments([document("same"), document("same")]);
  assert.equal(new Set(ids).size, 2);
  assert.deepEqual(texts(await store.similaritySearch("same", 5)), ["same", "same"]);
  await store.delete({ ids: [ids[0]!] });
  assert.equal((await store.similaritySearch("same", 5)).length, 1);
});

test("filters reach nested metadata, bounds and the source", async (t) => {
  const store = await openTest(t);
  await store.addDocuments(
    [1, 2, 3].map((page) =>
      document(`tide ${page}`, { source: "a.pdf", loc: { pageNumber: page } }),
    ),
  );
  await store.addDocuments([document("tide elsewhere", { source: "b.pdf" })]);
  const search = async (filter: ForewordVectorStore["FilterType"]) =>
    texts(await store.similaritySearch("tide", 10, filter));
  assert.deepEqual(await search({ "loc.pageNumber": { gte: 2 } }), ["tide 2", "tide 3"]);
  assert.deepEqual(await search({ or: [{ source: "b.pdf" }, { "loc.pageNumber": 1 }] }), [
    "tide 1",
    "tide elsewhere",
  ]);
  await assert.rejects(search({ page: { about: 2 } } as never), { code: "config/invalid" });
  const retriever = store.asRetriever({ k: 2, filter: { source: "a.pdf" } });
  assert.equal((await retriever.invoke("tide")).length, 2);
});

test("an empty store, one that was emptied, and k = 0 give nothing", async (t) => {
  const store = await openTest(t);
  assert.deepEqual(await store.similaritySearch("tide"), []);
  assert.deepEqual(await store.addDocuments([]), []);
  const ids = await store.addDocuments([document("tide")]);
  assert.deepEqual(await store.similaritySearch("tide", 0), []);
  await store.delete({ ids });
  assert.deepEqual(await store.similaritySearch("tide"), []);
  assert.deepEqual(await store.maxMarginalRelevanceSearch("tide", { k: 3 }), []);
});

test("vectors of another length, with NaN, or of another number change nothing", async (t) => {
  const store = await openTest(t);
  const good = await store.embeddings.embedQuery("tide");
  const two = [document("tide"), document("reef")];
  await assert.rejects(store.addVectors([good, [1, 2]], two), { code: "store/mismatch" });
  await assert.rejects(store.addVectors([good, good.map(() => Number.NaN)], two), {
    code: "store/mismatch",
  });
  await assert.rejects(store.addVectors([good], two), { code: "request/invalid" });
  await assert.rejects(store.addDocuments(two, { ids: ["a"] }), { code: "request/invalid" });
  assert.deepEqual(await store.similaritySearch("tide"), []);
  await store.addVectors([good.map((value) => value * 40)], [document("long")]);
  const [[, score] = []] = await store.similaritySearchVectorWithScore(good, 1);
  assert.ok(Math.abs(score! - 1) < 1e-5);
});

test("a store is found again by the next process, and refuses other embeddings", async (t) => {
  const place = await storeFolder(t);
  const { folder, closing } = place;
  const first = await openTest(t, place);
  await first.addDocuments([document("tide", {}, "kept")]);
  await first.close();
  const again = await openTest(t, place);
  assert.equal((await again.similaritySearch("tide", 1))[0]?.id, "kept");
  class Letters extends Embeddings {
    readonly model = "letters-2";
    override embedQuery = async (text: string) => [text.length, 1, 0];
    override embedDocuments = (all: string[]) => Promise.all(all.map(this.embedQuery));
  }
  await assert.rejects(ForewordVectorStore.open({ store: folder, embeddings: new Letters({}) }), {
    code: "store/mismatch",
  });
  const own = await ForewordVectorStore.fromTexts(
    ["a", "abc"],
    [{ n: 1 }, { n: 3 }],
    new Letters({}),
    { store: join(folder, "letters") },
  );
  closing(own);
  assert.equal(own.store.corpus.embedder.id, "langchain/Letters/letters-2/3");
  assert.equal((await own.similaritySearch("xyz", 1))[0]?.pageContent, "abc");
});

/** So many that the store has an index beside its documents. */
const MANY = 2100;
const manyTexts = (at: number) => `${WORDS[at % WORDS.length]} ${at}`;
/** Changes whenever the index is written. */
async function savedIndex(folder: string): Promise<string> {
  const { ino, mtimeMs } = await stat(join(folder, "index.json"));
  return `${ino} ${mtimeMs}`;
}

test("closing writes the index after changes, and leaves it alone after searches", async (t) => {
  const place = await storeFolder(t);
  const store = await openTest(t, place);
  await store.addDocuments(Array.from({ length: MANY }, (_, at) => document(manyTexts(at))));
  await store.close();
  const saved = await savedIndex(place.folder);
  const reader = await openTest(t, place);
  assert.equal((await reader.similaritySearch(manyTexts(7), 1))[0]?.pageContent, manyTexts(7));
  await reader.addDocuments([]);
  await reader.delete({ ids: ["nowhere"] });
  await reader.close();
  assert.equal(await savedIndex(place.folder), saved);
  const writer = await openTest(t, place);
  await writer.addDocuments([document("one more")]);
  await writer.close();
  assert.notEqual(await savedIndex(place.folder), saved);
});

test("closing leaves the index to another process that writes to the store, and the next opening finds all", async (t) => {
  const place = await storeFolder(t);
  const store = await openTest(t, place);
  await store.addDocuments(Array.from({ length: MANY }, (_, at) => document(manyTexts(at))));
  await store.close();
  const saved = await savedIndex(place.folder);
  const [removed] = await (await openTest(t, place)).similaritySearch(manyTexts(7), 1);
  const writer = await openTest(t, place);
  await writer.addDocuments([document("zephyr over the quay")]);
  await writer.delete({ ids: [removed!.id!] });
  const graphInTheMaking = join(place.folder, ".index.hnsw.0123456789abcdef.tmp");
  await withStoreLock(place.folder, { job: "ingest" }, async () => {
    await writeFile(graphInTheMaking, "half");
    await writer.close();
    assert.equal(await savedIndex(place.folder), saved);
    assert.equal(await readFile(graphInTheMaking, "utf8"), "half");
  });
  const again = await openTest(t, place);
  const best = async (query: string) => (await again.similaritySearch(query, 1))[0]?.pageContent;
  assert.equal(await best("zephyr over the quay"), "zephyr over the quay");
  assert.notEqual(await best(manyTexts(7)), manyTexts(7));
});

test("a store that was embedded anew meanwhile takes no vectors of the old embedder", async (t) => {
  const { folder, closing } = await storeFolder(t);
  const store = await openTest(t, { folder, closing });
  await store.addDocuments([document("tide")]);
  await reindex({ storeFolder: folder, embedder: hashEmbedder(32, "another") });
  await assert.rejects(store.addDocuments([document("reef")]), { code: "store/mismatch" });
});

test("passages of ingested files are found with their place; only whole documents are removed", async (t) => {
  const { folder, closing } = await storeFolder(t);
  const store = await openTest(t, { folder: join(folder, "store"), closing });
  await writeFile(join(folder, "harbour.md"), "# Harbour\n\nThe lantern is lit at dusk.");
  const { corpus, embedder } = store.store;
  const options = { corpus, embedder, storeFolder: join(folder, "store"), root: folder };
  await ingest({ ...options, paths: ["harbour.md"] });
  await store.addDocuments([document("gulls", {}, "gulls")]);
  const [found] = await store.similaritySearch("The lantern is lit at dusk", 1);
  assert.equal(found?.metadata["source"], "harbour.md");
  assert.deepEqual(found?.metadata["heading"], ["Harbour"]);
  assert.equal(found?.metadata["start"], 11);
  await assert.rejects(store.delete({ ids: ["gulls", found!.id!] }), { code: "request/invalid" });
  assert.equal(corpus.counts().documents, 2);
  await rm(join(folder, "harbour.md"));
  await ingest({ ...options, paths: ["."], prune: true });
  assert.deepEqual(
    [...corpus.documents()].map(({ id }) => id),
    ["gulls"],
  );
  await store.delete({ filter: { source: "gulls" } });
  assert.equal(corpus.counts().documents, 0);
  await assert.rejects(store.delete(), { code: "request/invalid" });
});

const TIDES = () => [
  document("spring tides follow the full moon", { source: "tides" }),
  document("neap tides follow the half moon", { source: "tides" }),
  document("the harbour freezes in winter", { source: "harbour" }),
];

test("LangChain's index() adds, skips and cleans up", async (t) => {
  const vectorStore = await openTest(t);
  const recordManager = new InMemoryRecordManager();
  // Two calls within a millisecond would share a time.
  let now = 1000;
  t.mock.method(recordManager, "getTime", async () => now++);
  const run = (docsSource: Document[], cleanup?: "full" | "incremental") => {
    const options = { sourceIdKey: "source", ...(cleanup && { cleanup }) };
    return index({ docsSource, recordManager, vectorStore, options });
  };
  const stored = async () => texts(await vectorStore.similaritySearch("tides", 10));
  const counts = { numAdded: 0, numDeleted: 0, numUpdated: 0, numSkipped: 0 };
  assert.deepEqual(await run(TIDES()), { ...counts, numAdded: 3 });
  assert.deepEqual(await run(TIDES(), "full"), { ...counts, numSkipped: 3 });
  const [spring, , harbour] = TIDES();
  const changed = document("neap tides follow the quarter moon", { source: "tides" });
  assert.deepEqual(await run([spring!, changed], "incremental"), {
    ...counts,
    numAdded: 1,
    numDeleted: 1,
    numSkipped: 1,
  });
  assert.deepEqual(await stored(), texts([spring!, changed, harbour!]));
  assert.deepEqual(await run([changed], "full"), { ...counts, numDeleted: 2, numSkipped: 1 });
  assert.deepEqual(await stored(), texts([changed]));
  assert.equal(vectorStore.store.corpus.counts().documents, 1);
});

test("the retriever searches by words and meaning, with filters and scores", async (t) => {
  const place = await storeFolder(t);
  const vectorStore = await openTest(t, place);
  await vectorStore.addDocuments(TIDES());
  const store = place.closing(await openStore({ store: place.folder, embedder: hashEmbedder() }));
  const retriever = new ForewordRetriever({ store, search: { k: 2, filter: { source: "tides" } } });
  const found = await retriever.invoke("which tides follow the half moon");
  assert.deepEqual(texts(found), texts(TIDES().slice(0, 2)));
  assert.equal(found[0]?.pageContent, "neap tides follow the half moon");
  assert.ok((found[0]?.metadata["score"] as number) > (found[1]?.metadata["score"] as number));
  const words = new ForewordRetriever({ store, search: { mode: "keyword" } });
  assert.deepEqual(texts(await words.invoke("freezes")), ["the harbour freezes in winter"]);
});

test("the retriever's documents are in the order of a cross-encoder where one is named", async (t) => {
  const place = await storeFolder(t);
  const vectorStore = await openTest(t, place);
  await vectorStore.addDocuments(TIDES());
  const reranker = join(import.meta.dirname, "..", "fixtures", "tiny-bert");
  const opened = place.closing(
    await ForewordRetriever.open({
      ...{ store: place.folder, cache: join(place.folder, "cache"), embedder: hashEmbedder() },
      ...{ rerank: "cross-encoder", reranker, rerankDepth: 3 },
      search: { k: 3 },
    }),
  );
  const query = "which tides follow the half moon";
  const found = await opened.invoke(query);
  const encoder = place.closing(
    await CrossEncoder.open(await resolveModel(reranker, { cacheFolder: place.folder })),
  );
  const scores = await encoder.score(
    query,
    found.map(({ pageContent, metadata }) => ({
      title: String(metadata["title"] ?? ""),
      text: pageContent,
    })),
  );
  assert.equal(found.length, 3);
  assert.deepEqual(
    scores,
    scores.toSorted((a, b) => b - a),
  );
  assert.deepEqual([found[0]?.metadata["score"], found[2]?.metadata["score"]], [1, 0]);
});

/** Calls the tool with the last message, then repeats what the tool said. */
class ToolCaller extends FakeListChatModel {
  override bindTools(): this {
    return this;
  }

  override async _generate(messages: BaseMessage[]) {
    const last = messages.at(-1)!;
    const toolCall = { id: "1", name: "harbour_notes", args: { query: last.text } };
    const message =
      last.getType() === "tool"
        ? new AIMessage(last.text)
        : new AIMessage({ content: "", tool_calls: [toolCall] });
    return { generations: [{ text: message.text, message }] };
  }
}

test("an agent uses a retriever as a tool and gets the documents as artifact", async (t) => {
  const store = await openTest(t);
  await store.addDocuments([
    document("the harbour freezes in winter", { source: "harbour.pdf", loc: { pageNumber: 7 } }),
  ]);
  const tool = retrieverTool(store.asRetriever(1), {
    name: "harbour_notes",
    description: "Notes on the harbour.",
  });
  const agent = createAgent({ model: new ToolCaller({ responses: [] }), tools: [tool] });
  const { messages } = await agent.invoke({ messages: [new HumanMessage("freezes?")] });
  assert.equal(messages.at(-1)?.text, "[1] harbour.pdf, page 7\nthe harbour freezes in winter");
  const [called] = messages.filter((message) => message.getType() === "tool");
  const { artifact } = called as unknown as { readonly artifact: Document[] };
  assert.equal(artifact[0]?.metadata["source"], "harbour.pdf");
});

test("with its own embedder a store finds what means the same", async (t) => {
  const { folder, closing } = await storeFolder(t);
  const store = closing(await ForewordVectorStore.open({ store: folder }));
  await store.addDocuments([
    document("The cat sleeps on the warm windowsill."),
    document("Interest rates rose again this quarter."),
  ]);
  const [[found, score] = []] = await store.similaritySearchWithScore("a dozing kitten", 1);
  assert.match(found!.pageContent, /cat sleeps/);
  assert.ok(score! > 0.3, String(score));
  const embeddings = closing(await ForewordEmbeddings.open());
  const [vector] = await embeddings.embedDocuments(["a dozing kitten"]);
  assert.equal(vector?.length, 384);
  const [[, same] = []] = await store.similaritySearchVectorWithScore(vector!, 1);
  assert.ok(Math.abs(same! - score!) < 1e-5);
});
