import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmod, cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { openCorpus, openRetriever } from "../../retriever/index.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";
import { textOf } from "./campaign-documents.ts";
import { prepareStore, WORKER } from "./kill-campaign.ts";

const INGEST = join(import.meta.dirname, "ingest-once.ts");
const isSuperuser = process.getuid?.() === 0;
const isLinux = process.platform === "linux";

interface Outcome {
  readonly code?: string;
  readonly message?: string;
  readonly left?: readonly string[];
  readonly documents?: { readonly added: number; readonly unchanged: number };
}

/** Runs one ingest in a process, begun by a shell that may set limits first. */
function ingestIn(root: string, setting: { limits?: string; spare?: number } = {}) {
  const spare = setting.spare === undefined ? "" : String(setting.spare);
  const command = `${setting.limits ?? ""} exec "$0" --import tsx "$@"`;
  const { stdout, stderr, signal } = spawnSync(
    "bash",
    ["-c", command, process.execPath, INGEST, root, ...(spare ? [spare] : [])],
    { encoding: "utf8" },
  );
  assert.equal(signal, null);
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as Outcome;
}

const lines = (count: number, word: string) =>
  Array.from({ length: count }, (_, id) =>
    JSON.stringify({ id, text: `${word} ${id} ${"and so on ".repeat(20)}` }),
  ).join("\n");

/** A folder with 40 documents in the store, and 3,000 more that are not in it yet. */
async function halfIngested(t: TestContext): Promise<string> {
  const root = await mkdtemp(join(tmpdir(), "foreword-fault-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "docs"));
  await writeFile(join(root, "docs", "a.jsonl"), lines(40, "old"));
  assert.equal(ingestIn(root).documents?.added, 40);
  await writeFile(join(root, "docs", "b.jsonl"), lines(3000, "new"));
  return root;
}

/** What was in the store is in it still, and it is whole. */
function requireIntact(root: string): void {
  const corpus = openCorpus(join(root, "store"), { create: false });
  assert.deepEqual(corpus.checkIntegrity(), []);
  for (let id = 0; id < 40; id++) assert.equal(corpus.chunksOf(`docs/a.jsonl#${id}`).length, 1);
  corpus.close();
}

/** A small disk of its own; undefined where this user may not mount one. */
async function smallDisk(t: TestContext, size: string): Promise<string | undefined> {
  const disk = await mkdtemp(join(tmpdir(), "foreword-disk-"));
  const made = isLinux && mount(disk, `size=${size}`);
  t.after(async () => {
    if (made) spawnSync("umount", [disk]);
    await rm(disk, { recursive: true, force: true });
  });
  return made ? disk : undefined;
}

const mount = (disk: string, options: string): boolean =>
  spawnSync("mount", ["-t", "tmpfs", "-o", options, "tmpfs", disk]).status === 0;

// Full in the log of the first batches, and while the log is moved into the database.
for (const size of ["2000k", "5000k"]) {
  test(`a disk that is full after ${size} ends the ingest with that reason; with space again it goes on`, async (t) => {
    const disk = await smallDisk(t, size);
    if (disk === undefined) return t.skip("this user may not mount a small disk");
    await cp(await halfIngested(t), disk, { recursive: true });
    const { code, message, left } = ingestIn(disk);
    assert.equal(code, "file/write-failed");
    assert.match(message!, /disk is full/);
    assert.deepEqual(left, []);
    requireIntact(disk);
    assert.ok(mount(disk, "remount,size=100m"));
    const { documents } = ingestIn(disk);
    assert.equal(documents!.added + documents!.unchanged, 3040);
    requireIntact(disk);
  });
}

test("too few open files end the ingest with that reason, wherever it stands", async (t) => {
  if (process.platform === "win32") return t.skip("there is no such limit");
  const root = await halfIngested(t);
  for (const spare of [1, 5]) {
    const { code, message } = ingestIn(root, { limits: "ulimit -n 128;", spare });
    assert.match(code ?? "", /^file\/(write-failed|unreadable)$/);
    assert.match(message!, /open files/);
    requireIntact(root);
  }
  assert.equal(ingestIn(root).documents?.added, 3000);
});

test("a store that may not be written is said to be so", async (t) => {
  if (process.platform === "win32") return t.skip("folders have other permissions there");
  let root = await halfIngested(t);
  if (isSuperuser) {
    // Permissions do not bind the superuser; a disk that is mounted read-only does.
    const disk = await smallDisk(t, "100m");
    if (disk === undefined) return t.skip("this user may write everywhere");
    await cp(root, disk, { recursive: true });
    root = disk;
    assert.ok(mount(disk, "remount,ro"));
  } else await chmod(join(root, "store"), 0o555);
  const { code, message } = ingestIn(root);
  if (!isSuperuser) await chmod(join(root, "store"), 0o755);
  assert.equal(code, "file/write-failed");
  assert.match(message!, /cannot be written/);
});

test("while other processes write, every search and every look at the store finds one whole state", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "foreword-reader-"));
  await prepareStore(root);
  const embedder = hashEmbedder(16);
  const corpus = openCorpus(join(root, "store"), { embedder, create: false });
  const retriever = await openRetriever(join(root, "store"), { corpus, embedder });
  const writer = spawn(process.execPath, ["--import", "tsx", WORKER, root, "7", "same-embedder"], {
    stdio: "ignore",
  });
  t.after(async () => {
    writer.kill("SIGKILL");
    corpus.close();
    await rm(root, { recursive: true, force: true });
  });
  const states = new Set<number>();
  const versionOf = (text: string) => Number(/\bv(\d+)q/.exec(text)?.[1]);
  while (states.size < 12) {
    corpus.snapshot(() => {
      states.add(corpus.sequence);
      for (const { id } of corpus.documents({ source: `docs/f1.jsonl#${states.size % 8}` })) {
        const text = corpus.documentText(id)!;
        assert.equal(text, textOf(id, versionOf(text)));
        assert.ok(corpus.chunksOf(id).every((one) => one.text === text.slice(one.start, one.end)));
      }
    });
    const { results } = await retriever.search("w0 w7 w14 row 3", { k: 20 });
    for (const { documentId, start, end, text } of results) {
      if (documentId.startsWith("base")) continue;
      const whole = textOf(documentId, versionOf(text));
      assert.equal(text, whole.slice(start, end), documentId);
    }
    // Lets the writer have its turn.
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
