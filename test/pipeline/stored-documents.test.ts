import assert from "node:assert/strict";
import { test } from "node:test";
import { foundDocument } from "../../pipeline/langchain/stored-documents.ts";
import { openRetriever, PROGRAM_METADATA } from "../../retriever/index.ts";
import { openTestStore } from "../retriever/store.ts";

test("damaged metadata of a program's document is refused without quoting it", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  await store.put("secret", "The lamp burns.", {
    metadata: { [PROGRAM_METADATA]: "private words" },
  });
  const retriever = await openRetriever(store.folder, store);
  const [result] = (await retriever.search("lamp", { mode: "keyword" })).results;
  assert.throws(
    () => foundDocument(store.corpus, result!),
    (error: Error & { code?: string }) =>
      error.code === "store/invalid" && !/private/.test(error.message) && !error.cause,
  );
});
