import assert from "node:assert/strict";
import { realpathSync } from "node:fs";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { findFiles } from "../../ingest/find-files.ts";
import { absenceBelow } from "../../ingest/gone-documents.ts";
import {
  type IngestOptions,
  type IngestProgress,
  ingest,
  UPLOAD_ORIGIN,
} from "../../ingest/index.ts";
import { LOADER_HASH_MARK } from "../../ingest/loaders/loaded-document.ts";
import { CORPUS_FILE, loadSqlite, openRetriever, PROGRAM_METADATA } from "../../retriever/index.ts";
import { openTestStore } from "../retriever/store.ts";

/** A store, and a folder of files to put into it. */
async function prepare(t: TestContext, files: Readonly<Record<string, string>> = {}) {
  const store = await openTestStore();
  const root = await mkdtemp(join(tmpdir(), "foreword-ingest-"));
  t.after(async () => {
    await store.close();
    await rm(root, { recursive: true, force: true });
  });
  const write = async (name: string, text: string | Uint8Array) => {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), text);
  };
  for (const [name, text] of Object.entries(files)) await write(name, text);
  const run = (paths: readonly string[], change: Partial<IngestOptions> = {}) =>
    ingest({
      paths,
      root,
      corpus: store.corpus,
      embedder: store.embedder,
      storeFolder: store.folder,
      ...change,
    });
  const sources = () => [...store.corpus.documents()].map(({ source }) => source);
  return { store, root, write, run, sources };
}

/** Without the rights of root, for whom every folder is open. */
async function asNobody<Result>(act: () => Promise<Result>): Promise<Result> {
  if (process.geteuid?.() !== 0) return act();
  process.seteuid?.(65_534);
  try {
    return await act();
  } finally {
    process.seteuid?.(0);
  }
}

test("files are added, then skipped, then replaced when they changed", async (t) => {
  const { store, write, run, sources } = await prepare(t, {
    "docs/a.md": "# Alpha\n\nThe first lamp is red.",
    "docs/deep/b.txt": "The second lamp is green.",
  });
  const first = await run(["docs"]);
  assert.deepEqual(first.documents, { added: 2, updated: 0, unchanged: 0, removed: 0, failed: [] });
  assert.equal(first.chunks, 2);
  assert.deepEqual(sources(), ["docs/a.md", "docs/deep/b.txt"]);
  assert.equal(store.corpus.document("docs/a.md")?.title, "Alpha");
  assert.equal(store.corpus.document("docs/deep/b.txt")?.title, "b");
  const before = store.corpus.sequence;
  const second = await run(["docs"]);
  assert.equal(second.documents.unchanged, 2);
  assert.equal(store.corpus.sequence, before);
  await write("docs/a.md", "# Alpha\n\nThe first lamp is blue.");
  const third = await run(["docs"]);
  assert.deepEqual(third.documents, { added: 0, updated: 1, unchanged: 1, removed: 0, failed: [] });
  assert.match(store.corpus.documentText("docs/a.md")!, /blue/);
  const found = await openRetriever(store.folder, store);
  assert.match((await found.search("colour of the first lamp", {})).results[0]!.text, /blue/);
});

test("files that are gone stay without --prune, and go with it, below the given paths only", async (t) => {
  const { root, run, sources } = await prepare(t, {
    "in/a.txt": "a",
    "in/b.txt": "b",
    "out/c.txt": "c",
  });
  await run(["in", "out"]);
  await rm(join(root, "in/a.txt"));
  await rm(join(root, "out/c.txt"));
  assert.equal((await run(["in"])).documents.removed, 0);
  assert.equal((await run(["in"], { prune: true })).documents.removed, 1);
  assert.deepEqual(sources(), ["in/b.txt", "out/c.txt"]);
  await rm(join(root, "in"), { recursive: true });
  const emptied = await run(["in", "out/*.txt"], { prune: true });
  assert.deepEqual(emptied.documents, {
    added: 0,
    updated: 0,
    unchanged: 0,
    removed: 2,
    failed: [],
  });
  assert.deepEqual(sources(), []);
});

test("a prune removes nothing that was ingested from another folder", async (t) => {
  const { root, run, sources } = await prepare(t, {
    "a/docs/one.txt": "first",
    "a/lines.jsonl": '{"id":1,"text":"one"}',
    "b/two.txt": "second",
  });
  const from = (folder: string) => ({ root: join(root, folder) });
  await run(["."], { ...from("a"), collection: "first" });
  const other = await run(["."], { ...from("b"), prune: true });
  assert.deepEqual(other.documents, {
    added: 1,
    updated: 0,
    unchanged: 0,
    removed: 0,
    failed: [],
  });
  await run(["a/docs"], { prune: true });
  const all = ["a/docs/one.txt", "docs/one.txt", "lines.jsonl#1", "two.txt"];
  assert.deepEqual(sources(), all);
  await rm(join(root, "a/docs/one.txt"));
  await rm(join(root, "a/lines.jsonl"));
  for (const dryRun of [true, false]) {
    const { removed, kept } = (await run(["."], { ...from("b"), prune: true, dryRun })).documents;
    assert.deepEqual([removed, kept], [0, 3], "their files are nowhere any more, which is told");
  }
  assert.equal((await run(["."], { ...from("a"), prune: true })).documents.removed, 2);
  assert.deepEqual(sources(), ["a/docs/one.txt", "two.txt"]);
  assert.equal((await run(["."], { prune: true })).documents.removed, 1);
});

test("a file of the same name and content elsewhere takes no document over while the first is there", async (t) => {
  const { root, run, sources } = await prepare(t, { "a/x.txt": "same", "b/x.txt": "same" });
  await run(["."], { root: join(root, "a") });
  const b = { root: join(root, "b"), prune: true };
  assert.equal((await run(["."], b)).documents.unchanged, 1);
  await rm(join(root, "b/x.txt"));
  assert.equal((await run(["."], b)).documents.removed, 0);
  assert.deepEqual(sources(), ["x.txt"]);
});

test("what was moved as a whole is followed: what was there when it was ingested again can be pruned there", async (t) => {
  const files = { "a/x.txt": "x", "a/y.txt": "y", "a/p.jsonl": '{"id":1,"text":"one"}' };
  const { store, root, run, sources } = await prepare(t, files);
  await run(["."], { root: join(root, "a") });
  await rename(join(root, "a"), join(root, "moved"));
  await rm(join(root, "moved/y.txt"));
  const moved = { root: join(root, "moved"), prune: true };
  const before = store.corpus.sequence;
  await run(["."], { ...moved, dryRun: true });
  const { documents } = await run(["."], moved);
  assert.deepEqual([documents.unchanged, documents.removed, documents.kept], [2, 0, 1]);
  assert.equal(store.corpus.sequence, before, "no search is made stale by it");
  await rm(join(root, "moved/x.txt"));
  await rm(join(root, "moved/p.jsonl"));
  assert.equal((await run(["."], moved)).documents.removed, 2);
  assert.deepEqual(sources(), ["y.txt"]);
});

test("a document of a store that knew no roots is kept until it was ingested again", async (t) => {
  const { store, root, run, sources } = await prepare(t, { "x.txt": "x", "y.txt": "y" });
  await run(["."]);
  const Sqlite = loadSqlite();
  const database = new Sqlite(join(store.folder, CORPUS_FILE));
  database.exec("UPDATE documents SET root = ''");
  database.close();
  await rm(join(root, "y.txt"));
  const { documents } = await run(["."], { prune: true });
  assert.deepEqual([documents.removed, documents.kept], [0, 1]);
  await rm(join(root, "x.txt"));
  assert.equal((await run(["."], { prune: true })).documents.removed, 1);
  assert.deepEqual(sources(), ["y.txt"]);
});

test("nothing is removed when the folder has vanished by the time its files are found gone", async (t) => {
  const { root, run, sources } = await prepare(t, { "d/a.txt": "a" });
  await run(["d"]);
  await rm(join(root, "d/a.txt"));
  const vanished = await run(["d"], { prune: true, isPlaceThere: () => false });
  assert.equal(vanished.documents.removed, 0);
  assert.deepEqual(sources(), ["d/a.txt"]);
});

test("lines of a .jsonl whose ids look like paths are kept while their file is there", async (t) => {
  const line = (id: string) => JSON.stringify({ id, text: `About ${id}.` });
  const names = ["https://example.com/a#b", "C#1", "F# and/or #2", "x".repeat(500)];
  const { root, run, sources } = await prepare(t, {
    "p.jsonl": names.map(line).join("\n"),
    "other.txt": "o",
  });
  await run(["."], { prune: true });
  const { documents } = await run(["."], { prune: true });
  assert.deepEqual([documents.unchanged, documents.removed], [5, 0]);
  await rm(join(root, "p.jsonl"));
  assert.equal((await run(["."], { prune: true })).documents.removed, 4);
  assert.deepEqual(sources(), ["other.txt"]);
});

test("uploads have sources of their own, and no prune takes them away", async (t) => {
  const { store, root, write, run, sources } = await prepare(t, {
    "README.md": "# Of the project",
  });
  await write("store/uploads/README.md", "# Uploaded");
  await write("store/uploads/q.jsonl", '{"id":"1","text":"one"}');
  const storeFolder = join(root, "store");
  await run(["."], { storeFolder });
  const uploads = { root: join(root, "store/uploads"), origin: UPLOAD_ORIGIN };
  await run(["README.md", "q.jsonl"], uploads);
  assert.equal(store.corpus.document("upload:README.md")?.title, "Uploaded");
  assert.equal(store.corpus.document("README.md")?.title, "Of the project");
  assert.equal((await run(["."], { prune: true, storeFolder })).documents.removed, 0);
  assert.deepEqual(sources(), ["README.md", "upload:README.md", "upload:q.jsonl#1"]);
});

test("a packed .jsonl is read like a plain one; a damaged one is named and takes nothing away", async (t) => {
  const { write, run, sources } = await prepare(t);
  const lines = '{"_id":"1","text":"één"}\n{"_id":"2","text":"two"}\n';
  await write("p.jsonl.gz", gzipSync(lines));
  assert.equal((await run(["p.jsonl.gz"])).documents.added, 2);
  assert.deepEqual(sources(), ["p.jsonl.gz#1", "p.jsonl.gz#2"]);
  await write("p.jsonl.gz", gzipSync(lines.repeat(100)).subarray(0, 40));
  const { documents } = await run(["p.jsonl.gz"]);
  assert.equal(documents.removed, 0);
  assert.match(documents.failed[0]!.reason, /gzip data is damaged or cut off/);
  assert.equal(sources().length, 2);
});

test("each line of a .jsonl is a document; lines that are gone are removed, the others kept", async (t) => {
  const line = (id: string, text: string) =>
    JSON.stringify({ id, title: `T${id}`, text, year: 1900, deep: {} });
  const { store, write, run, sources } = await prepare(t);
  await write("p.jsonl", `${line("1", "one")}\n\n${line("2", "two")}\r\n${line("3", "three")}`);
  assert.equal((await run(["p.jsonl"])).documents.added, 3);
  assert.deepEqual(sources(), ["p.jsonl#1", "p.jsonl#2", "p.jsonl#3"]);
  const stored = store.corpus.document("p.jsonl#2")!;
  assert.equal(stored.title, "T2");
  assert.deepEqual(stored.metadata, { year: 1900 });
  await write("p.jsonl", `${line("1", "one")}\n${line("3", "THREE")}\n${line("4", "four")}\n`);
  const { documents } = await run(["p.jsonl"]);
  assert.deepEqual(documents, { added: 1, updated: 1, unchanged: 1, removed: 1, failed: [] });
  assert.deepEqual(sources(), ["p.jsonl#1", "p.jsonl#3", "p.jsonl#4"]);
});

test("what programs and loaders, or files of like names, gave stays when a .jsonl is read again", async (t) => {
  const { store, run, sources } = await prepare(t, {
    "p.jsonl": '{"id":1,"text":"one"}\n{"id":2,"text":"two"}',
    "p.jsonl#notes.txt": "notes",
    "p.jsonl2.jsonl": '{"id":1,"text":"other"}',
  });
  await run(["."]);
  const format = "jsonl";
  await store.put("p.jsonl#program", "p", { format, metadata: { [PROGRAM_METADATA]: "{}" } });
  await store.put("p.jsonl#loader", "l", { format, hash: `${LOADER_HASH_MARK}1` });
  await store.put("p.jsonl#gone", "g", { format });
  assert.equal((await run(["p.jsonl"])).documents.removed, 1);
  assert.deepEqual(sources().sort(), [
    "p.jsonl#1",
    "p.jsonl#2",
    "p.jsonl#loader.txt",
    "p.jsonl#notes.txt",
    "p.jsonl#program.txt",
    "p.jsonl2.jsonl#1",
  ]);
});

test("a line whose id holds half a character is refused: it would be new each time", async (t) => {
  const { run, sources } = await prepare(t, {
    "p.jsonl": '{"id":"\\ud800","text":"one"}\n{"id":"😀","text":"two"}',
  });
  const { failed } = (await run(["p.jsonl"])).documents;
  assert.deepEqual(
    failed.map(({ source }) => source),
    ["p.jsonl:1"],
  );
  assert.match(failed[0]!.reason, /half a character/);
  assert.deepEqual(sources(), ["p.jsonl#😀"]);
  assert.equal((await run(["p.jsonl"])).documents.unchanged, 1);
});

test("half a character becomes the sign for a broken one, so that later passages have their places", async (t) => {
  const later = Array.from({ length: 200 }, (_, at) => `Lamp ${at} burns.`).join("\n\n");
  const broken = `ab\\ud83d cd 😀 ef\\n\\n${later.replaceAll("\n", "\\n")}`;
  const { store, run } = await prepare(t, {
    "a.jsonl": `{"id":"1","title":"T\\udc00","text":"${broken}","note\\ud83d":"x\\ud83d"}`,
    "b.json": `{"title":"T\\udc00","text":"${broken}"}`,
  });
  assert.deepEqual((await run(["."])).documents.failed, []);
  const line = store.corpus.document("a.jsonl#1")!;
  assert.equal(line.title, "T\ufffd");
  assert.equal(store.corpus.document("b.json")?.title, "T\ufffd");
  assert.deepEqual(line.metadata, { "note\ufffd": "x\ufffd" });
  for (const id of ["a.jsonl#1", "b.json"]) {
    const text = store.corpus.documentText(id)!;
    assert.match(text, /ab\ufffd cd 😀 ef/);
    const passages = store.corpus.chunksOf(id);
    assert.ok(passages.length > 1, id);
    for (const { start, end, text: own } of passages) assert.equal(text.slice(start, end), own);
  }
});

test("no field of a .jsonl makes its line a program's document", async (t) => {
  const line = JSON.stringify({ id: 1, text: "one", [PROGRAM_METADATA]: "{}", $x: 1, year: 1911 });
  const { store, root, run, sources } = await prepare(t, { "p.jsonl": line });
  await run(["p.jsonl"]);
  assert.deepEqual(store.corpus.document("p.jsonl#1")?.metadata, { year: 1911 });
  await rm(join(root, "p.jsonl"));
  await run(["."], { prune: true });
  assert.deepEqual(sources(), []);
});

test("a line of a .jsonl stays whole up to 480 tokens, and 3,840 characters", async (t) => {
  const texts = ["w ".repeat(480), "w ".repeat(481), "z".repeat(3840), "z".repeat(3841)];
  const lines = texts.map((text, index) => JSON.stringify({ id: index, text }));
  const { store, run } = await prepare(t, { "p.jsonl": lines.join("\n") });
  await run(["p.jsonl"]);
  const counts = texts.map((_, index) => store.corpus.chunksOf(`p.jsonl#${index}`).length);
  assert.deepEqual(counts, [1, 3, 1, 3]);
});

test("ids of a .jsonl that are long or fractional numbers keep their digits; amounts stay numbers", async (t) => {
  const ids = ["1234567890123456788", "1234567890123456789", "1.1", "1.10", "7"];
  const { store, run, sources } = await prepare(t, {
    "p.jsonl": ids
      .map((id) => `{"id":${id},"text":"say \\"12.50\\"","price":12.50,"order":${"9".repeat(20)}}`)
      .join("\n"),
  });
  const { documents } = await run(["p.jsonl"]);
  assert.deepEqual([documents.added, documents.failed], [5, []]);
  assert.deepEqual(sources().sort(), ids.map((id) => `p.jsonl#${id}`).sort());
  const { metadata } = store.corpus.document("p.jsonl#1.10")!;
  assert.deepEqual(metadata, { price: 12.5, order: "9".repeat(20) });
  assert.equal(store.corpus.documentText("p.jsonl#7"), 'say "12.50"');
});

test("bad lines are named by number, good ones kept, and nothing is removed on their account", async (t) => {
  const { write, run, sources } = await prepare(t, {
    "p.jsonl": '{"id":"1","text":"one"}\n{"id":"2","text":"two"}\n',
  });
  await run(["p.jsonl"]);
  await write(
    "p.jsonl",
    '{"id":"1","text":"one"}\n{broken\n{"text":"no id"}\n{"id":"5"}\n{"id":"6","text":" "}\n{"id":"1","text":"again"}\n[1]\n',
  );
  const { documents } = await run(["p.jsonl"]);
  assert.deepEqual(
    documents.failed.map(({ source, reason }) => `${source} ${reason.slice(0, 18)}`),
    [
      "p.jsonl:2 is not JSON; expec",
      'p.jsonl:3 has no "id"; each ',
      "p.jsonl:4 text: Invalid inpu",
      "p.jsonl:5 its text is empty.",
      'p.jsonl:6 repeats the "id" o',
      "p.jsonl:7 the line: Invalid ",
    ],
  );
  assert.equal(documents.removed, 0);
  assert.deepEqual(sources(), ["p.jsonl#1", "p.jsonl#2"]);
});

test("many bad lines are counted, not listed", async (t) => {
  const { run } = await prepare(t, { "p.jsonl": "x\n".repeat(500) });
  const { failed, refused } = (await run(["p.jsonl"])).documents;
  assert.equal(failed.length, 21);
  assert.equal(refused, 500);
  assert.match(failed[20]!.reason, /^480 more lines/);
});

test("every file that cannot be read is named with its reason, and the others are in", async (t) => {
  const { root, run, sources } = await prepare(t, {
    "d/good.txt": "fine",
    "d/empty.md": "",
    "d/picture.png": "x",
    "d/fake.pdf": "no pdf",
    "d/.hidden.txt": "hidden",
    "d/node_modules/x.txt": "code of others",
    "d/lines.jsonl": "",
    "d/LICENSE": "no extension",
  });
  await writeFile(join(root, "d/secret.txt"), "secret");
  await chmod(join(root, "d/secret.txt"), 0);
  const { failed } = (await run(["d", "d/none.txt"])).documents;
  const reasons = new Map(failed.map(({ source, reason }) => [source, reason]));
  assert.match(reasons.get("d/none.txt")!, /there is no such file/);
  assert.match(reasons.get("d/empty.md")!, /is empty/);
  assert.match(reasons.get("d/picture.png")!, /\.png is not read; what is: \.txt/);
  assert.match(reasons.get("d/LICENSE")!, /without an extension/);
  assert.match(reasons.get("d/fake.pdf")!, /although its name says pdf/);
  assert.match(reasons.get("d/lines.jsonl")!, /is empty/);
  // The superuser may read everything.
  const isSuperuser = process.getuid?.() === 0;
  assert.equal(reasons.has("d/secret.txt"), !isSuperuser);
  assert.deepEqual(sources(), isSuperuser ? ["d/good.txt", "d/secret.txt"] : ["d/good.txt"]);
});

test("a file that turned bad keeps its former version", async (t) => {
  const { store, write, run } = await prepare(t, { "a.txt": "the old text" });
  await run(["a.txt"]);
  await write("a.txt", "");
  const { documents } = await run(["a.txt"]);
  assert.equal(documents.failed.length, 1);
  assert.equal(store.corpus.documentText("a.txt"), "the old text");
});

test("when nothing that was named exists, it fails as a whole", async (t) => {
  const { run } = await prepare(t);
  await assert.rejects(run(["nowhere", "*.nothing"]), {
    code: "file/not-found",
    message: /^nowhere, \*\.nothing: there is no such file or folder/,
  });
});

test("globs, absolute paths and repeated paths name each file once; the store is left out", async (t) => {
  const { store, root, sources } = await prepare(t, { "a[1].txt": "a", "b.txt": "b" });
  const inside = join(root, "store");
  await mkdir(inside);
  await writeFile(join(inside, "c.txt"), "not a document");
  await ingest({
    paths: ["*.txt", "a[1].txt", join(root, "b.txt"), "."],
    root,
    corpus: store.corpus,
    embedder: store.embedder,
    storeFolder: inside,
  });
  assert.deepEqual(sources(), ["a[1].txt", "b.txt"]);
});

test("progress counts documents up to their number", async (t) => {
  const { run } = await prepare(t, {
    "a.txt": "a",
    "b.jsonl": '{"id":1,"text":"x"}\n{"id":2,"text":"y"}\n',
  });
  const seen: IngestProgress[] = [];
  await run(["."], { onProgress: (progress) => seen.push(progress) });
  assert.deepEqual(
    seen.map(({ done, total, source }) => [done, total, source]),
    [
      [1, 3, "a.txt"],
      [2, 3, "b.jsonl"],
      [3, 3, "b.jsonl"],
    ],
  );
});

test("after an interruption what was stored is there, and the next run goes on", async (t) => {
  const lines = Array.from({ length: 700 }, (_, index) =>
    JSON.stringify({ id: index, text: `text ${index}` }),
  );
  const { store, run } = await prepare(t, { "p.jsonl": lines.join("\n") });
  const abort = new AbortController();
  const onProgress = ({ done }: IngestProgress) => {
    if (done === 600) abort.abort();
  };
  await assert.rejects(run(["p.jsonl"], { signal: abort.signal, onProgress }), {
    name: "AbortError",
  });
  const { documents: kept } = store.corpus.counts();
  assert.ok(kept >= 256 && kept < 700, `${kept}`);
  const { documents } = await run(["p.jsonl"]);
  assert.equal(documents.unchanged, kept);
  assert.equal(documents.added, 700 - kept);
});

test("an embedder that fails ends the run with its error; no file is blamed, and no more are read", async (t) => {
  const paragraphs = Array.from({ length: 300 }, (_, at) => `${at} ${"lamp ".repeat(200)}`);
  const lines = paragraphs.map((text, id) => JSON.stringify({ id, text }));
  const names = ["a.txt", "b.jsonl", "c.txt", "d.jsonl", "e.txt"];
  const files = names.map((name) => [name, (/txt/.test(name) ? paragraphs : lines).join("\n\n")]);
  const { store, run, sources } = await prepare(t, Object.fromEntries(files));
  let calls = 0;
  const embed: typeof store.embedder.embed = async (texts, options) => {
    if (++calls > 1) throw new Error("out of memory");
    return store.embedder.embed(texts, options);
  };
  const failed: string[] = [];
  const read = new Set<string>();
  const failing = run(["."], {
    embedder: { ...store.embedder, embed },
    onChange: ({ kind, source }) => kind === "failed" && failed.push(source),
    onProgress: ({ source }) => read.add(source),
  });
  await assert.rejects(failing, { message: "out of memory" });
  assert.deepEqual([calls, failed, sources()], [2, [], ["a.txt"]]);
  assert.ok(!read.has("e.txt"));
});

test("a large document is embedded in parts", async (t) => {
  const paragraphs = Array.from({ length: 1300 }, (_, at) => `${at} ${"lamp ".repeat(200)}`);
  const { store, run } = await prepare(t, { "a.txt": paragraphs.join("\n\n") });
  const counts: number[] = [];
  const embed: typeof store.embedder.embed = (texts, options) => {
    counts.push(texts.length);
    return store.embedder.embed(texts, options);
  };
  const { chunks } = await run(["a.txt"], { embedder: { ...store.embedder, embed } });
  assert.deepEqual([chunks, counts], [1300, [512, 512, 276]]);
  const last = store.corpus.chunksOf("a.txt").at(-1)!;
  assert.match(last.text, /^1299 /);
  const [vector] = await store.embedder.embed([`a\n${last.text}`]);
  assert.deepEqual(store.corpus.vector(last.id), vector);
});

test("a title that is too long is kept by its beginning", async (t) => {
  const title = "lamp ".repeat(800).trim();
  const { store, run } = await prepare(t, {
    "a.json": JSON.stringify({ title, text: "one" }),
    "p.jsonl": JSON.stringify({ id: 1, title, text: "two" }),
    "long.md": `# ${"z".repeat(400)}\n\nthree`,
  });
  await run(["."]);
  const titleOf = (id: string) => store.corpus.document(id)?.title;
  const beginning = `${"lamp ".repeat(60).trim()}…`;
  assert.equal(titleOf("a.json"), beginning);
  assert.equal(titleOf("p.jsonl#1"), beginning);
  assert.equal(titleOf("long.md"), `${"z".repeat(299)}…`);
});

test("a second ingest into the same store is refused while one runs", async (t) => {
  const lines = Array.from({ length: 2000 }, (_, index) =>
    JSON.stringify({ id: index, text: `t ${index}` }),
  );
  const { run } = await prepare(t, { "p.jsonl": lines.join("\n") });
  const results = await Promise.allSettled([run(["p.jsonl"]), run(["p.jsonl"])]);
  const refused = results.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  assert.equal(refused.reason.code, "file/locked");
  assert.equal(results.filter(({ status }) => status === "fulfilled").length, 1);
});

test("links are followed inside the folder only; those out of it and to nothing are named", async (t) => {
  const { root, run, sources } = await prepare(t, {
    "docs/a.txt": "inside",
    "secret/b.txt": "outside",
    "docs/deep/c.txt": "deep",
  });
  await symlink(join(root, "docs/a.txt"), join(root, "docs/again.txt"));
  await symlink(join(root, "secret/b.txt"), join(root, "docs/out.txt"));
  await symlink(join(root, "secret"), join(root, "docs/out-folder"));
  await symlink(join(root, "nothing"), join(root, "docs/broken.txt"));
  const { documents } = await run(["docs"]);
  assert.deepEqual(sources(), ["docs/a.txt", "docs/again.txt", "docs/deep/c.txt"]);
  const failed = documents.failed.map(({ source }) => source).sort();
  assert.deepEqual(failed, ["docs/broken.txt", "docs/out-folder", "docs/out.txt"]);
});

test("a folder that may not be listed is named, the rest read, and its documents are kept", async (t) => {
  const { store, root, run, sources } = await prepare(t, {
    "docs/a.jsonl": '{"id":"1","text":"one"}',
    "docs/closed/b.jsonl": '{"id":"2","text":"two"}',
  });
  await run(["docs"]);
  await chmod(root, 0o755);
  await chmod(store.folder, 0o777);
  await chmod(join(root, "docs/closed"), 0);
  const { documents } = await asNobody(() => run(["docs"], { prune: true }));
  assert.deepEqual([documents.unchanged, documents.removed], [1, 0]);
  assert.deepEqual(documents.failed, [
    {
      source: "docs/closed",
      reason: "may not be listed, so nothing in it was read; check its permissions.",
    },
  ]);
  assert.equal(sources().length, 2);
  const pattern = await asNobody(() => run(["docs/**/*.jsonl"]));
  assert.equal(pattern.documents.failed.length, 1);
});

test("a file of a gigabyte is named without being read, and the others are taken", async (t) => {
  const { root, run } = await prepare(t, { "a.txt": "small" });
  await writeFile(join(root, "big.txt"), "x");
  await truncate(join(root, "big.txt"), 2 ** 30);
  const { documents } = await run(["*.txt"]);
  assert.equal(documents.added, 1);
  assert.match(documents.failed[0]!.reason, /has 1073741824 bytes, more than/);
});

test("the store's own files are passed over, but a file named in it is read (uploads lie there)", async (t) => {
  const { root, run, sources } = await prepare(t, {
    "a.txt": "outside",
    "store/uploads/b.txt": "uploaded",
  });
  const storeFolder = join(root, "store");
  await run(["."], { storeFolder });
  assert.deepEqual(sources(), ["a.txt"]);
  const { documents } = await run(["store/uploads/b.txt"], { storeFolder });
  assert.equal(documents.added, 1);
});

test("a dry run counts what would happen, refusals too, and writes nothing", async (t) => {
  const { store, root, write, run, sources } = await prepare(t, {
    "d/a.jsonl": '{"id":1,"text":"one"}\n{"id":2,"text":"two"}\n',
    "d/b.jsonl": '{"id":1,"text":"one"}\n',
  });
  await run(["d"]);
  await write("d/a.jsonl", '{"id":1,"text":"ONE"}\n{"id":3,"text":"three"}\n');
  await write("d/empty.jsonl", "");
  await rm(join(root, "d/b.jsonl"));
  const before = { sources: sources(), sequence: store.corpus.sequence };
  const changes: string[] = [];
  const dryRun = { prune: true, dryRun: true };
  const embedder = { ...store.embedder, embed: () => assert.fail("nothing is embedded") };
  const { documents, chunks } = await run(["d"], {
    ...dryRun,
    embedder,
    onChange: ({ kind, source }) => changes.push(`${kind} ${source}`),
  });
  const { failed, ...counts } = documents;
  assert.deepEqual(counts, { added: 1, updated: 1, unchanged: 0, removed: 2 });
  assert.equal(chunks, 2);
  assert.deepEqual(failed, [{ source: "d/empty.jsonl", reason: "is empty." }]);
  assert.deepEqual(changes.sort(), [
    "added d/a.jsonl#3",
    "failed d/empty.jsonl",
    "removed d/a.jsonl#2",
    "removed d/b.jsonl#1",
    "updated d/a.jsonl#1",
  ]);
  assert.deepEqual({ sources: sources(), sequence: store.corpus.sequence }, before);
  const { documents: real } = await run(["d"], { prune: true });
  assert.deepEqual(real, documents);
});

test("a run that changes nothing leaves the store's files as they are", async (t) => {
  const { store, run } = await prepare(t, { "a.jsonl": '{"id":1,"text":"one"}' });
  await run(["a.jsonl"]);
  const files = async () =>
    Promise.all(
      (await readdir(store.folder)).map(async (name) => [
        name,
        (await stat(join(store.folder, name))).mtimeMs,
      ]),
    );
  const lockFree = (entries: unknown[][]) => entries.filter(([name]) => name !== "writer.lock");
  const before = lockFree(await files());
  assert.equal((await run(["a.jsonl"])).documents.unchanged, 1);
  assert.deepEqual(lockFree(await files()), before);
});

test("a folder that is reached through a link has each document once, and leaves its store out", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "foreword-places-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const [real, link] = [join(root, "real"), join(root, "link")];
  for (const name of ["docs/a.txt", "outside.txt", "store/uploads/b.txt"]) {
    await mkdir(dirname(join(real, name)), { recursive: true });
    await writeFile(join(real, name), "A lamp.");
  }
  await symlink(real, link);
  for (const [at, store, paths] of [
    [real, join(link, "store"), [".", join(link, "docs"), link]],
    [link, join(real, "store"), [".", join(real, "docs/a.txt"), join(real, "docs/*.txt")]],
    [link, join(link, "store"), [real, "docs"]],
  ] as const) {
    const { files } = await findFiles(paths, { root: at, without: store });
    assert.deepEqual(
      files.map(({ source }) => source),
      ["docs/a.txt", "outside.txt"],
    );
  }
  await rm(join(real, "docs"), { recursive: true });
  const gone = { source: "docs/a.txt", format: "txt", root: realpathSync(real) };
  for (const at of [real, link]) {
    for (const path of ["docs", join(link, "docs"), join(real, "docs"), link]) {
      assert.equal(absenceBelow([path], at)(gone), "gone", `${path} from ${at}`);
    }
  }
});

test("of a retrieval set in BEIR's form its corpus is read; the same names elsewhere, or named, are read too", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "foreword-set-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const names = [
    ...["beir/corpus.jsonl", "beir/queries.jsonl", "beir/qrels/test.tsv", "beir/notes.md"],
    ...["split/corpus.jsonl.gz", "split/queries-dev.jsonl", "split/qrels-dev.jsonl"],
    ...["unjudged/corpus.jsonl", "unjudged/queries.jsonl", "other/qrels/test.tsv"],
  ];
  for (const name of names) {
    await mkdir(dirname(join(root, name)), { recursive: true });
    await writeFile(join(root, name), "{}");
  }
  const sourcesOf = async (...paths: string[]) => {
    const { files } = await findFiles(paths, { root, without: join(root, "store") });
    return files.map(({ source }) => source);
  };
  assert.deepEqual(await sourcesOf("."), [
    "beir/corpus.jsonl",
    "beir/notes.md",
    "other/qrels/test.tsv",
    "split/corpus.jsonl.gz",
    "unjudged/corpus.jsonl",
    "unjudged/queries.jsonl",
  ]);
  assert.deepEqual(await sourcesOf("beir/queries.jsonl"), ["beir/queries.jsonl"]);
});

test("a folder that is a link out of the folder keeps its name there", async (t) => {
  const root = await mkdtemp(join(tmpdir(), "foreword-places-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  await mkdir(join(root, "work"));
  await mkdir(join(root, "elsewhere"));
  await writeFile(join(root, "elsewhere/a.txt"), "A lamp.");
  await symlink(join(root, "elsewhere"), join(root, "work/handbook"));
  const options = { root: join(root, "work"), without: join(root, "work/store") };
  const { files } = await findFiles(["handbook"], options);
  assert.deepEqual(
    files.map(({ source }) => source),
    ["handbook/a.txt"],
  );
});
