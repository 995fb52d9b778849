import assert from "node:assert/strict";
import { realpathSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { ingest } from "../../ingest/index.ts";
import type { JobEvent, JobRun } from "../../pipeline/jobs/job-record.ts";
import { runIngest } from "../../pipeline/jobs/run-ingest.ts";
import { uploadsFolder } from "../../pipeline/uploads.ts";
import { openTestStore } from "../retriever/store.ts";

test("an upload keeps its file's name as title, and neither replaces a file of that name nor goes with it", async (t) => {
  const store = await openTestStore();
  t.after(() => store.close());
  const { folder, corpus, embedder } = store;
  const uploads = uploadsFolder(folder, "documents");
  await mkdir(uploads, { recursive: true });
  await writeFile(join(uploads, "handbook.txt"), "Of the page.");
  const root = realpathSync(join(folder, "uploads"));
  await store.put("handbook.txt", "Of the command line.", { source: "handbook.txt", root });
  const events: JobEvent[] = [];
  // Only what is used of them.
  const run = {
    settings: { store: folder },
    workspace: { embedder: async () => embedder, corpus: async () => corpus },
    signal: new AbortController().signal,
    tell: (event: JobEvent) => events.push(event),
  } as unknown as JobRun;
  const { documents } = await runIngest({ kind: "ingest", files: ["handbook.txt"] }, run);
  assert.equal(documents.added, 1);
  assert.equal(events.at(-1)?.["source"], "upload:handbook.txt");
  assert.equal(corpus.document("upload:handbook.txt")?.title, "handbook");
  const paths = { paths: ["."], root, prune: true };
  const pruned = await ingest({ ...paths, corpus, embedder, storeFolder: folder });
  assert.equal(pruned.documents.removed, 1);
  assert.equal(corpus.documentText("upload:handbook.txt"), "Of the page.");
});
