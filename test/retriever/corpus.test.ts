import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { loadSqlite } from "../../retriever/corpus/sqlite.ts";
import { openCorpus } from "../../retriever/index.ts";
import { hashEmbedder } from "./hash-embedder.ts";
import { documentOf, makeFirstStore, openTestStore, putText, type TestStore } from "./store.ts";

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});
afterEach(() => store.close());

test("a change waits for another process's transaction while the thread goes on, and no longer than told", async () => {
  await store.put("tides", "High water at noon.");
  const { corpus, folder } = store;
  const other = new (loadSqlite())(join(folder, "corpus.db"));
  const remove = () => corpus.removeDocument("tides");
  other.exec("BEGIN IMMEDIATE");
  await assert.rejects(corpus.transactionWhenFree(remove, 0), { code: "file/locked" });
  assert.ok(corpus.document("tides"));
  // It ends its transaction only if this thread goes on.
  setImmediate(() => other.exec("ROLLBACK"));
  assert.equal(await corpus.transactionWhenFree(remove, 60_000), true);
  assert.equal(corpus.document("tides"), undefined);
  other.close();
});

test("a document comes back as it went in, chunk by chunk", async () => {
  await store.put("tides", "High water at noon.\n\nLow water at six.", {
    metadata: { year: 1911 },
  });
  const { corpus } = store;
  assert.deepEqual(corpus.document("tides")?.metadata, { year: 1911 });
  assert.equal(corpus.documentText("tides"), "High water at noon.\n\nLow water at six.");
  const chunks = corpus.chunksOf("tides");
  assert.deepEqual(
    chunks.map(({ text, start, end }) => [text, start, end]),
    [
      ["High water at noon.", 0, 19],
      ["Low water at six.", 21, 38],
    ],
  );
  const [expected] = await store.embedder.embed(["High water at noon."]);
  assert.deepEqual(corpus.vector(chunks[0]!.id), expected);
  assert.deepEqual(
    corpus.findBySource("tides.txt").map(({ id }) => id),
    ["tides"],
  );
});

test("a passage that is not its document's text is found by the check, beside those that are", async () => {
  await store.put("sound", "𝒜 tide turns.\n\nLow water 🌊 at six.");
  await store.put("changed", "High water at noon.\n\nLow water at six.");
  // Cut within a character, as SQLite cannot keep it.
  const text = "half 🌊";
  const cuts = [
    { start: 0, end: 6, heading: [], text: text.slice(0, 6) },
    { start: 6, end: 7, heading: [], text: text.slice(6) },
  ];
  const vectors = await store.embedder.embed(cuts.map((cut) => cut.text));
  store.corpus.putDocument(documentOf("half", text), cuts, vectors);
  assert.deepEqual(store.corpus.checkIntegrity(), []);
  const Sqlite = loadSqlite();
  const database = new Sqlite(join(store.folder, "corpus.db"));
  database.exec("UPDATE chunks SET end_offset = 40 WHERE document_id = 'changed'");
  database.exec("UPDATE documents SET text = 'Ebb' || text WHERE id = 'sound'");
  database.close();
  assert.deepEqual(store.corpus.checkIntegrity(), ["4 chunks whose text is not their document's"]);
});

test("replacing a document leaves none of its old chunks, in no table", async () => {
  await store.put("log", "old words here\n\nmore old words");
  const [oldId] = store.corpus.chunkIds();
  await store.put("log", "fresh text");
  assert.deepEqual(store.corpus.counts(), { documents: 1, chunks: 1 });
  assert.deepEqual(store.corpus.matchKeywords('"old"', 10), []);
  assert.equal(store.corpus.matchKeywords('"fresh"', 10).length, 1);
  assert.ok(!store.corpus.chunkIds().includes(oldId!), "a chunk id is never used twice");
});

test("removing says whether the document was there", async () => {
  await store.put("a", "one");
  assert.equal(store.corpus.removeDocument("a"), true);
  assert.equal(store.corpus.removeDocument("a"), false);
  assert.deepEqual(store.corpus.counts(), { documents: 0, chunks: 0 });
});

test("every change raises the sequence number", async () => {
  const before = store.corpus.sequence;
  await store.put("a", "one");
  store.corpus.removeDocument("a");
  assert.equal(store.corpus.sequence, before + 2);
});

test("a transaction that fails half way leaves nothing", async () => {
  await store.put("kept", "stays");
  assert.throws(() =>
    store.corpus.transaction(() => {
      store.corpus.removeDocument("kept");
      throw new Error("half way");
    }),
  );
  assert.equal(store.corpus.counts().documents, 1);
});

test("another embedder's store is refused with both names", () => {
  const other = hashEmbedder(32, "other");
  assert.throws(() => openCorpus(store.folder, { embedder: other, create: false }), {
    code: "store/mismatch",
    message: /hash-32.*other/,
  });
});

test("a folder without a store is not made by reading it", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-none-"));
  const embedder = hashEmbedder();
  assert.throws(() => openCorpus(folder, { embedder, create: false }), {
    code: "store/empty",
    // Its name, not where on the machine it lies.
    message: /^foreword-none-\w+: .*foreword ingest/,
  });
  await rm(folder, { recursive: true });
});

test("a store of an earlier version finds what is written in another way, once it was opened", async () => {
  const text = "The ﬁrst lamp.";
  await store.put("a", text);
  await store.put("b", "Nothing of the kind.");
  const Sqlite = loadSqlite();
  const old = new Sqlite(join(store.folder, "corpus.db"));
  old.exec("DELETE FROM keywords WHERE rowid = 1; DELETE FROM meta WHERE key = 'keywords'");
  old
    .prepare("INSERT INTO keywords (rowid, title, heading, text) VALUES (1, 'a', '', ?)")
    .run(text);
  old.close();
  assert.deepEqual(store.corpus.matchKeywords('"first"', 10), []);
  const reopened = openCorpus(store.folder, { create: false });
  assert.deepEqual(
    reopened.matchKeywords('"first"', 10).map(({ id }) => id),
    [1],
  );
  assert.deepEqual(reopened.checkIntegrity(), []);
  reopened.close();
});

test("a store that was made before documents had a root is opened, searched and written", async () => {
  const folder = join(store.folder, "older");
  await makeFirstStore(folder);
  const { embedder } = store;
  const opened = openCorpus(folder, { embedder, create: false });
  assert.equal(opened.document("a")?.root, undefined);
  await putText(opened, embedder, { ...documentOf("b", "two"), root: "/notes" });
  opened.moveToRoot(["a"], "/elsewhere");
  const roots = [...opened.documents()].map(({ id, root }) => [id, root]);
  assert.deepEqual(roots, [
    ["a", "/elsewhere"],
    ["b", "/notes"],
  ]);
  assert.deepEqual(opened.checkIntegrity(), []);
  opened.close();
});

test("a file that is no database is refused by name and left as it is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-broken-"));
  await writeFile(
    join(folder, "corpus.db"),
    "this is not a database, but it is long enough to look".repeat(20),
  );
  const embedder = hashEmbedder();
  assert.throws(() => openCorpus(folder, { embedder, create: true }), {
    code: "store/invalid",
    message: /corpus\.db/,
  });
  await rm(folder, { recursive: true });
});

test("a store that may not be written is told as one, and that reading needs it", {
  skip: process.platform === "win32",
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-closed-"));
  openCorpus(folder, { embedder: hashEmbedder(), create: true }).close();
  await chmod(join(folder, "corpus.db"), 0o444);
  await chmod(folder, 0o555);
  // An administrator may write everything: as nobody it may not.
  const isRoot = process.getuid!() === 0;
  if (isRoot) process.seteuid!(65534);
  try {
    assert.throws(() => openCorpus(folder, { create: false }), {
      code: "file/write-failed",
      message:
        /corpus\.db: this store cannot be written \(SQLITE_\w+\), which it has to be also to be read; copy its folder/,
    });
  } finally {
    if (isRoot) process.seteuid!(0);
    await chmod(folder, 0o755);
    await rm(folder, { recursive: true });
  }
});

test("a process killed while it writes leaves whole documents, all those it acknowledged", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-kill-"));
  const script = join(import.meta.dirname, "put-documents.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const acknowledged: string[] = [];
  for await (const piece of child.stdout.setEncoding("utf8")) {
    acknowledged.push(
      ...String(piece)
        .split("\n")
        .filter((line) => line !== ""),
    );
    if (acknowledged.length >= 25) child.kill("SIGKILL");
  }
  const corpus = openCorpus(folder, { embedder: hashEmbedder(), create: false });
  for (const id of acknowledged) assert.equal(corpus.chunksOf(id).length, 3, id);
  for (const { id } of corpus.documents()) assert.equal(corpus.chunksOf(id).length, 3, id);
  assert.deepEqual(corpus.checkIntegrity(), []);
  corpus.close();
  await rm(folder, { recursive: true, force: true });
});
