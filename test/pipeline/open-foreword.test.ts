import assert from "node:assert/strict";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openForeword, openStore } from "../../pipeline/index.ts";
import { putText } from "../retriever/store.ts";

const tinyBert = join(import.meta.dirname, "../fixtures/tiny-bert");

async function temporaryFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "foreword-open-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function addDocument(store: string): Promise<void> {
  const opened = await openStore({ store, embedder: tinyBert });
  const text = "High water is at noon.";
  const document = { id: "t", source: "t.md", title: "T", format: "md", hash: "h", metadata: {} };
  await putText(opened.corpus, opened.embedder, { ...document, text });
  await opened.retriever.saveIndex();
  await opened.close();
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
