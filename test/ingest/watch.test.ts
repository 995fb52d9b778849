import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { ChangeHints } from "../../ingest/change-hints.ts";
import { ingest, type WatchEvent, watch } from "../../ingest/index.ts";
import { openRetriever, withStoreLock } from "../../retriever/index.ts";
import { openTestStore } from "../retriever/store.ts";

interface Watched {
  readonly paths?: readonly string[];
  /** Begins as if a drive with the file, ingested before, were out. */
  readonly isOut?: boolean;
}

/** A folder with one line-document file that is being watched. */
async function startWatching(t: TestContext, { paths = ["docs"], isOut = false }: Watched = {}) {
  const store = await openTestStore();
  const root = await mkdtemp(join(tmpdir(), "foreword-watch-"));
  const docs = join(root, "docs");
  await mkdir(docs);
  const abort = new AbortController();
  const events: WatchEvent[] = [];
  const everTold: WatchEvent[] = [];
  let wake = () => {};
  /** Whole at once: a sync between the making of a file and its writing would find it empty. */
  const put = async (name: string, content: string) => {
    const outside = join(root, "unfinished");
    await writeFile(outside, content);
    await rename(outside, join(docs, name));
  };
  const write = (name: string, ...texts: string[]) => put(name, lines(...texts));
  await write("first.jsonl", "the first lamp is red");
  const { corpus, embedder } = store;
  // Inside the watched folder, as .foreword often is: its own writes are no changes.
  const storeFolder = isOut ? store.folder : join(docs, "store");
  const of = { paths, root, corpus, embedder, storeFolder };
  if (isOut) {
    await ingest(of);
    await rename(docs, `${docs}-away`);
    await mkdir(docs);
  }
  const watching = watch({
    ...of,
    quietMs: 100,
    signal: abort.signal,
    onEvent: (event) => {
      events.push(event);
      everTold.push(event);
      wake();
    },
  });
  watching.catch(() => wake());
  /** Waits for an event, and forgets those before it. */
  const until = async (isWanted: (event: WatchEvent) => boolean): Promise<WatchEvent> => {
    for (;;) {
      const at = events.findIndex(isWanted);
      if (at >= 0) return events.splice(0, at + 1).at(-1)!;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      if (abort.signal.aborted) await watching;
    }
  };
  const synced = () => until(({ event }) => event === "synced");
  t.after(async () => {
    abort.abort();
    await assert.rejects(watching, { name: "AbortError" });
    await store.close();
    await rm(root, { recursive: true, force: true });
  });
  if (!isOut) await until(({ event }) => event === "watching");
  const sources = () => [...store.corpus.documents()].map(({ source }) => source);
  const textOf = (source: string) => store.corpus.documentText(source) ?? "";
  return { store, docs, everTold, put, write, until, synced, sources, textOf };
}

const lines = (...texts: string[]) =>
  texts.map((text, id) => JSON.stringify({ id, text })).join("\n");

const limit = { timeout: 60_000 };

test("files that come, change, move and go are followed, each told by name", limit, async (t) => {
  const { store, docs, write, until, synced, sources } = await startWatching(t);
  const retriever = await openRetriever(store.folder, store);
  const best = async (query: string) => (await retriever.search(query)).results[0]?.text;
  await write("second.jsonl", "a heron waits by the lock");
  await until((event) => event.event === "added" && event.source === "docs/second.jsonl#0");
  assert.equal(await best("heron lock"), "a heron waits by the lock", "a server sees it at once");
  await synced();
  await write("second.jsonl", "a heron flies over the lock");
  await until((event) => event.event === "updated" && event.source === "docs/second.jsonl#0");
  await synced();
  await mkdir(join(docs, "deep"));
  await rename(join(docs, "second.jsonl"), join(docs, "deep", "third.jsonl"));
  // A sync may look at one folder before the move and at the other after it.
  const moved = ["docs/deep/third.jsonl#0", "docs/first.jsonl#0"];
  while (!isDeepStrictEqual(sources(), moved)) await synced();
  await rm(join(docs, "deep"), { recursive: true });
  await until((event) => event.event === "removed");
  await synced();
  assert.deepEqual(sources(), ["docs/first.jsonl#0"]);
});

test(
  "an editor's save by renaming, and a burst of files, end in the state of the files",
  limit,
  async (t) => {
    const { docs, write, synced, sources, textOf, everTold } = await startWatching(t);
    await write(".first.jsonl.swp", "half");
    await write("new~.jsonl", "the first lamp is blue");
    await rename(join(docs, "new~.jsonl"), join(docs, "first.jsonl"));
    while (!/blue/.test(textOf("docs/first.jsonl#0"))) await synced();
    for (let i = 0; i < 60; i++) {
      await write(`burst${i}.jsonl`, `text ${i}`);
      if (i % 3 === 0) await rm(join(docs, `burst${i}.jsonl`));
    }
    while (sources().length !== 41) await synced();
    // One that went before it was read may be told as failed; one that stays is read.
    const failed = everTold.flatMap((told) => (told.event === "failed" ? [told.source] : []));
    assert.deepEqual(
      failed.filter((source) => sources().includes(`${source}#0`)),
      [],
    );
  },
);

test(
  "a file that cannot be read is named once, not with every change; mended it is added",
  limit,
  async (t) => {
    const { put, write, until, synced, everTold } = await startWatching(t);
    await put("bad.jsonl", "{no json");
    const failed = await until(({ event }) => event === "failed");
    assert.equal("source" in failed && failed.source, "docs/bad.jsonl:1");
    await write("other.jsonl", "x");
    await synced();
    assert.equal(everTold.filter(({ event }) => event === "failed").length, 1);
    await write("bad.jsonl", "good now");
    await until((event) => event.event === "added" && event.source === "docs/bad.jsonl#0");
  },
);

test("a folder that vanishes as a whole keeps its documents", limit, async (t) => {
  const { docs, until, sources } = await startWatching(t);
  await rename(docs, `${docs}-away`);
  const gone = await until(({ event }) => event === "failed");
  assert.match("reason" in gone ? gone.reason : "", /its documents are kept/);
  assert.deepEqual(sources(), ["docs/first.jsonl#0"]);
  await rename(`${docs}-away`, docs);
});

test(
  "the empty folder that a drive leaves when it is taken out keeps its documents; filled, it is followed",
  limit,
  async (t) => {
    const { docs, write, until, sources } = await startWatching(t);
    await mkdir(`${docs}-point`);
    await rename(docs, `${docs}-away`);
    await rename(`${docs}-point`, docs);
    const gone = await until(({ event }) => event === "failed");
    assert.match("reason" in gone ? gone.reason : "", /its documents are kept/);
    assert.deepEqual(sources(), ["docs/first.jsonl#0"]);
    await write("second.jsonl", "a heron waits by the lock");
    await until((event) => event.event === "added" && event.source === "docs/second.jsonl#0");
    await until((event) => event.event === "removed" && event.source === "docs/first.jsonl#0");
  },
);

test(
  "a drive that is out when it begins keeps its documents, and is followed once it is there",
  limit,
  async (t) => {
    const { docs, write, until, synced, everTold, sources } = await startWatching(t, {
      isOut: true,
    });
    await until(({ event }) => event === "failed");
    assert.deepEqual(sources(), ["docs/first.jsonl#0"]);
    await rename(docs, `${docs}-point`);
    await rename(`${docs}-away`, docs);
    await until(({ event }) => event === "watching");
    await write("second.jsonl", "a heron waits by the lock");
    await until((event) => event.event === "added" && event.source === "docs/second.jsonl#0");
    await synced();
    assert.ok(everTold.every(({ event }) => event !== "removed"));
    assert.deepEqual(sources(), ["docs/first.jsonl#0", "docs/second.jsonl#0"]);
  },
);

test("a drive that is back in its place is as if it had never been away", limit, async (t) => {
  const { docs, write, until, synced, sources, everTold } = await startWatching(t);
  await mkdir(`${docs}-point`);
  await rename(docs, `${docs}-away`);
  await rename(`${docs}-point`, docs);
  await until(({ event }) => event === "failed");
  await rename(docs, `${docs}-point`);
  await rename(`${docs}-away`, docs);
  await write("second.jsonl", "a heron waits by the lock");
  await until((event) => event.event === "added" && event.source === "docs/second.jsonl#0");
  await synced();
  assert.ok(everTold.every(({ event }) => event !== "removed"));
  assert.deepEqual(sources(), ["docs/first.jsonl#0", "docs/second.jsonl#0"]);
});

test("a folder that comes back is followed again", limit, async (t) => {
  const { docs, write, until, synced } = await startWatching(t);
  await rename(docs, `${docs}-away`);
  await until(({ event }) => event === "failed");
  await mkdir(docs);
  await write("second.jsonl", "a heron waits by the lock");
  await until((event) => event.event === "added" && event.source === "docs/second.jsonl#0");
  await synced();
  await write("third.jsonl", "it flies away");
  await until((event) => event.event === "added" && event.source === "docs/third.jsonl#0");
});

test("a folder that was replaced between two looks is followed again", limit, async (t) => {
  const { docs, write, until, synced } = await startWatching(t);
  await mkdir(`${docs}-new`);
  await writeFile(join(`${docs}-new`, "other.jsonl"), '{"id":0,"text":"another lamp"}');
  await rename(docs, `${docs}-away`);
  await rename(`${docs}-new`, docs);
  await until((event) => event.event === "removed");
  await synced();
  await write("second.jsonl", "a heron waits by the lock");
  await until((event) => event.event === "added" && event.source === "docs/second.jsonl#0");
});

test("a file watched by name is followed again when it was gone for a while", limit, async (t) => {
  const { docs, write, until, synced } = await startWatching(t, { paths: ["docs/first.jsonl"] });
  await rm(join(docs, "first.jsonl"));
  await until(({ event }) => event === "failed");
  await write("first.jsonl", "the first lamp is blue");
  await until(({ event }) => event === "updated");
  await synced();
  await writeFile(join(docs, "first.jsonl"), lines("the first lamp is green"));
  await until(({ event }) => event === "updated");
});

test("a folder that may not be read does not end the watching of the rest", limit, async (t) => {
  const root = await mkdtemp(join(tmpdir(), "foreword-watch-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  await chmod(root, 0o777);
  await mkdir(join(root, "closed"), { mode: 0 });
  await mkdir(join(root, "store"));
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  const folders = { folders: [root], storeFolder: join(root, "store") };
  const hints = new ChangeHints({ ...folders, isPolling: false, quietMs: 50 });
  try {
    await hints.ready();
    await writeFile(join(root, "a.txt"), "new");
    await hints.next(undefined);
  } finally {
    await hints.close();
    if (isRoot) process.seteuid?.(0);
  }
});

test("while another process ingests, it waits", limit, async (t) => {
  const { docs, write, synced, sources } = await startWatching(t);
  await withStoreLock(join(docs, "store"), { job: "ingest" }, async () => {
    await write("second.jsonl", "later");
    await new Promise((resolve) => setTimeout(resolve, 600));
    assert.equal(sources().length, 1);
  });
  await synced();
  assert.equal(sources().length, 2);
});

test("a folder that is not there is refused by name", async () => {
  const store = await openTestStore();
  const watching = watch({
    paths: ["nowhere"],
    root: store.folder,
    corpus: store.corpus,
    embedder: store.embedder,
    storeFolder: store.folder,
    onEvent: () => {},
  });
  await assert.rejects(watching, { code: "file/not-found", message: /^nowhere: / });
  await store.close();
});
