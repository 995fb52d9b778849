import assert from "node:assert/strict";
import { open, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { restoreStore } from "../../retriever/corpus/backup.ts";
import { loadSqlite } from "../../retriever/corpus/sqlite.ts";
import { backupStore, openCorpus, openRetriever } from "../../retriever/index.ts";
import { makeFirstStore, openTestStore, type TestStore } from "./store.ts";

let store: TestStore;
let backup: string;
beforeEach(async () => {
  store = await openTestStore();
  await store.put("tides", "High water at noon.\n\nLow water at six.");
  backup = join(store.folder, "saved.backup");
});
afterEach(() => store.close());

const ids = () => [...store.corpus.documents()].map(({ id }) => id);
const leftovers = async () =>
  (await readdir(store.folder)).filter((name) => name.endsWith(".tmp") || name.includes(".tmp-"));

test("a backup is one file that brings back what was there, and nothing that came later", async () => {
  const summary = await backupStore(store.folder, backup);
  assert.deepEqual([summary.documents, summary.chunks], [1, 2]);
  assert.equal(summary.byteLength, (await stat(backup)).size);
  await store.put("later", "Written after the backup.");
  store.corpus.removeDocument("tides");
  assert.deepEqual(await restoreStore(store.folder, backup), summary);
  assert.deepEqual(ids(), ["tides"]);
  assert.equal(store.corpus.matchKeywords('"noon"', 5).length, 1);
  assert.deepEqual(store.corpus.checkIntegrity(), []);
  assert.deepEqual(await leftovers(), []);
});

test("the bytes and the name of a backup, and of what is restored over a damaged store, survive a power cut", async (t) => {
  const file = await open(store.folder);
  const handle = Object.getPrototypeOf(file) as typeof file;
  await file.close();
  const synced: string[] = [];
  t.mock.method(handle, "sync", async function (this: typeof file) {
    synced.push((await this.stat()).isDirectory() ? "folder" : "file");
  });
  await backupStore(store.folder, backup);
  assert.deepEqual(synced, ["file", "folder"]);
  store.corpus.close();
  await writeFile(join(store.folder, "corpus.db"), "no database any more".repeat(500));
  await restoreStore(store.folder, backup);
  assert.deepEqual(synced, ["file", "folder", "file", "folder"]);
});

test("a retriever that was open before a restore finds the restored passages under their reused ids", async () => {
  await backupStore(store.folder, backup);
  await store.put("later", "Gulls over the harbour wall.");
  const retriever = await openRetriever(store.folder, store);
  assert.equal((await retriever.search("gulls harbour")).results[0]?.documentId, "later");
  const [reused] = store.corpus.chunksOf("later").map(({ id }) => id);
  await restoreStore(store.folder, backup);
  await store.put("other", "Bread is baked before dawn.");
  assert.equal(store.corpus.chunksOf("other")[0]?.id, reused, "the id stands for another passage");
  const { results } = await retriever.search("bread dawn", { mode: "dense" });
  assert.equal(results[0]?.documentId, "other");
  assert.ok(results[0]!.score > 0.5);
});

test("into an empty folder, and over a database that is damaged", async () => {
  await backupStore(store.folder, backup);
  store.corpus.close();
  await rm(join(store.folder, "corpus.db"));
  await restoreStore(store.folder, backup);
  const reopen = () => openCorpus(store.folder, { create: false });
  let corpus = reopen();
  assert.equal(corpus.counts().documents, 1);
  corpus.close();
  await writeFile(join(store.folder, "corpus.db"), "no database any more".repeat(500));
  await restoreStore(store.folder, backup);
  corpus = reopen();
  assert.deepEqual(corpus.checkIntegrity(), []);
  corpus.close();
});

test("a backup of a store that was made before documents had a root is restored below open readers", async () => {
  const older = join(store.folder, "older");
  await makeFirstStore(older);
  await backupStore(older, backup);
  await restoreStore(store.folder, backup);
  assert.deepEqual(ids(), ["a"]);
  assert.equal(store.corpus.document("a")?.root, undefined);
});

test("a file that is there is not replaced unless that is asked for", async () => {
  await writeFile(backup, "dear letter");
  await assert.rejects(backupStore(store.folder, backup), {
    code: "file/write-failed",
    message: /saved\.backup: is there already/,
  });
  assert.equal(await readFile(backup, "utf8"), "dear letter");
  await backupStore(store.folder, backup, { replace: true });
  await restoreStore(store.folder, backup);
  assert.deepEqual(ids(), ["tides"]);
});

test("a folder without a store has nothing to back up", async () => {
  const folder = join(store.folder, "none");
  await assert.rejects(backupStore(folder, backup), {
    code: "store/empty",
    message: /^none: there is no store here/,
  });
});

const broken: readonly (readonly [what: string, damage: (file: string) => Promise<void> | void])[] =
  [
    ["cut short", async (file) => truncate(file, 20_000)],
    ["empty", async (file) => truncate(file, 0)],
    ["no database", (file) => writeFile(file, "not a backup at all, but long".repeat(99))],
    [
      "with a page of noise",
      async (file) => {
        const bytes = await readFile(file);
        bytes.fill(0xa5, 4096 * 3, 4096 * 5);
        await writeFile(file, bytes);
      },
    ],
    ["of another program", (file) => sql(file, "DROP TABLE chunks")],
    [
      "with a trigger of somebody else's",
      (file) => sql(file, "CREATE TRIGGER t AFTER INSERT ON meta BEGIN DELETE FROM documents; END"),
    ],
    ["with chunks that lack their document", (file) => sql(file, "DELETE FROM documents")],
    ["with vectors cut short", (file) => sql(file, "UPDATE chunks SET vector = x'00000000'")],
    ["with a passage of other words", (file) => sql(file, "UPDATE chunks SET text = 'Ebb.'")],
    ["with passages out of place", (file) => sql(file, "UPDATE chunks SET start_offset = 3")],
    ["with passages beyond the end", (file) => sql(file, "UPDATE chunks SET end_offset = 999")],
    ["with damaged metadata", (file) => sql(file, "UPDATE documents SET metadata = '{'")],
  ];

function sql(file: string, statement: string): void {
  const Sqlite = loadSqlite();
  const database = new Sqlite(file);
  database.pragma("foreign_keys = OFF");
  database.exec(statement);
  database.close();
}

for (const [what, damage] of broken) {
  test(`a backup ${what} is refused by name and changes nothing`, async () => {
    await backupStore(store.folder, backup);
    await damage(backup);
    await store.put("later", "still here");
    await assert.rejects(restoreStore(store.folder, backup), {
      code: "store/invalid",
      message: /saved\.backup/,
    });
    assert.deepEqual(ids(), ["later", "tides"]);
    assert.deepEqual(store.corpus.checkIntegrity(), []);
    assert.deepEqual(await leftovers(), []);
  });
}

test("a backup that is not there is said to be missing", async () => {
  await assert.rejects(restoreStore(store.folder, backup), { code: "file/not-found" });
});
