import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  ChatForeword,
  documentTools,
  ForewordEmbeddings,
  type ForewordOptions,
  ForewordRetriever,
  ForewordVectorStore,
  type OpenedStore,
  openForeword,
  openStore,
} from "../../pipeline/index.ts";
import { putText } from "../retriever/store.ts";

const tinyBert = join(import.meta.dirname, "../fixtures/tiny-bert");

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-open-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function addDocument(store: string, options: ForewordOptions = {}): Promise<void> {
  const opened = await openStore({ store, embedder: tinyBert, ...options });
  await put(opened, "t");
  await opened.retriever.saveIndex();
  await opened.close();
}

function put({ corpus, embedder }: OpenedStore, id: string): Promise<void> {
  const text = `High water is at noon (${id}).`;
  const document = { id, source: `${id}.md`, title: "T", format: "md", hash: id, metadata: {} };
  return putText(corpus, embedder, { ...document, text });
}

test("documents are found in a store that was not there at the first search", async (t) => {
  const store = join(await temporaryFolder(t), "store");
  const foreword = openForeword({ store, embedder: tinyBert });
  t.after(() => foreword.close());
  await assert.rejects(foreword.search("high water", 3), {
    code: "store/empty",
    message: /^store: there are no documents here/,
  });
  await addDocument(store);
  assert.equal((await foreword.search("high water", 3)).length, 1);
});

test("a model that was not there at the first search is opened by the next", async (t) => {
  const folder = await temporaryFolder(t);
  const store = join(folder, "store");
  await addDocument(store);
  const embedder = join(folder, "tiny-bert");
  const foreword = openForeword({ store, embedder });
  t.after(() => foreword.close());
  await assert.rejects(foreword.search("high water", 3), { code: /^model\// });
  await cp(tinyBert, embedder, { recursive: true });
  assert.equal((await foreword.search("high water", 3)).length, 1);
});

async function closedAfter<Opened extends { close(): Promise<void> }>(
  opened: Opened,
  check: (opened: Opened) => Promise<void>,
): Promise<void> {
  try {
    await check(opened);
  } finally {
    await opened.close();
  }
}

test("the setting k holds for searches and tools that do not say how many passages", async (t) => {
  const store = join(await temporaryFolder(t), "store");
  const opened = await openStore({ store, embedder: tinyBert });
  for (const id of ["a", "b", "c", "d"]) await put(opened, id);
  await opened.close();
  const options = { store, embedder: tinyBert, k: 3 };
  await closedAfter(openForeword(options), async (foreword) => {
    assert.equal((await foreword.search("high water")).length, 3);
    assert.equal((await foreword.search("high water", 4)).length, 4);
    const tool = documentTools(foreword).find(({ name }) => name === "search_documents")!;
    assert.match(await tool.invoke({ query: "high water" }), /^\[3\](?!.*^\[4\])/ms);
    assert.match(await tool.invoke({ query: "high water", k: 4 }), /^\[4\]/m);
  });
  for (const [search, expected] of [
    [{}, 3],
    [{ k: 2 }, 2],
  ] as const) {
    await closedAfter(await ForewordRetriever.open({ ...options, search }), async (retriever) => {
      assert.equal((await retriever.invoke("high water")).length, expected);
    });
  }
});

test("a store of an int8 embedder is opened by a program and by LangChain's classes", async (t) => {
  const store = join(await temporaryFolder(t), "store");
  const options = { store, embedder: tinyBert, embedderPrecision: "int8" } as const;
  await addDocument(store, options);
  await closedAfter(openForeword(options), async (foreword) => {
    assert.equal((await foreword.search("high water", 3)).length, 1);
  });
  await closedAfter(await ForewordVectorStore.open(options), async (vectorStore) => {
    assert.equal((await vectorStore.similaritySearch("high water", 3)).length, 1);
  });
  await closedAfter(await ForewordRetriever.open(options), async (retriever) => {
    assert.equal((await retriever.invoke("high water")).length, 1);
  });
  await closedAfter(await ForewordEmbeddings.open(options), async ({ embedder }) => {
    assert.match(embedder.id, /int8/);
  });
});

test("an unknown or wrong setting is refused by its name, whatever opens the store", async (t) => {
  const store = join(await temporaryFolder(t), "store");
  const openers = [
    async (options: ForewordOptions) => openForeword(options),
    async (options: ForewordOptions) => ChatForeword.open({ ...options, cache: false }),
    openStore,
    ForewordEmbeddings.open,
    ForewordRetriever.open,
    ForewordVectorStore.open,
  ];
  const unknown = /: there is no such setting; settings are store, cache, (?!.*port)/;
  for (const open of openers) {
    for (const [wrong, message] of [
      [{ embeder: tinyBert }, /^embeder/],
      [{ port: 8377 }, /^port/],
    ] as const) {
      await assert.rejects(open({ store, ...wrong } as ForewordOptions), {
        code: "config/invalid",
        message: new RegExp(message.source + unknown.source),
      });
    }
    const precision = { embedderPrecision: "int4" } as unknown as ForewordOptions;
    await assert.rejects(open({ store, ...precision }), {
      code: "config/invalid",
      message: /^embedderPrecision: expected .*, found "int4"; correct it\.$/,
    });
  }
});
