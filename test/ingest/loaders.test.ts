import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { BaseDocumentLoader } from "@langchain/core/document_loaders/base";
import { Document } from "@langchain/core/documents";
import {
  CharacterTextSplitter,
  MarkdownTextSplitter,
  RecursiveCharacterTextSplitter,
  TextSplitter,
} from "@langchain/textsplitters";
import { ingest, ingestLoaded, ingestWithLoader } from "../../ingest/index.ts";
import { ChatGptLoader } from "../../ingest/loaders/chatgpt-loader.ts";
import { loaderClass } from "../../ingest/loaders/loader-class.ts";
import { runLoader } from "../../ingest/loaders/run-loader.ts";
import { type ChunkRecord, type Corpus, openCorpus } from "../../retriever/index.ts";
import { hashEmbedder } from "../retriever/hash-embedder.ts";

interface Place {
  readonly root: string;
  readonly corpus: Corpus;
  readonly embedder: ReturnType<typeof hashEmbedder>;
  readonly storeFolder: string;
}

async function place(t: TestContext): Promise<Place> {
  const root = await mkdtemp(join(tmpdir(), "foreword-loaders-"));
  const storeFolder = join(root, "store");
  const embedder = hashEmbedder();
  const corpus = openCorpus(storeFolder, { embedder, create: true });
  t.after(async () => {
    corpus.close();
    await rm(root, { recursive: true, force: true });
  });
  return { root, corpus, embedder, storeFolder };
}

const ids = (corpus: Corpus) => [...corpus.documents()].map(({ id }) => id);

/** Every chunk is its document's text from start to end. Chunks by document. */
function exactChunks(corpus: Corpus, id: string): ChunkRecord[] {
  const text = corpus.documentText(id)!;
  const chunks = corpus.chunksOf(id);
  for (const { start, end, text: own } of chunks) assert.equal(own, text.slice(start, end));
  return chunks;
}

class PagesLoader extends BaseDocumentLoader {
  readonly #documents: Document[];

  constructor(documents: Document[]) {
    super();
    this.#documents = documents;
  }

  override load = async () => this.#documents;
}

const page = (pageNumber: number, pageContent: string, author = "Mara") =>
  new Document({ pageContent, metadata: { source: "tides.pdf", author, loc: { pageNumber } } });

test("pages of one source become one document whose chunks know their page", async (t) => {
  const options = await place(t);
  const { corpus } = options;
  const words = Array.from({ length: 200 }, (_, index) => `word${index}.`).join(" ");
  const loader = new PagesLoader([page(1, `First. ${words}`), page(2, `Second. ${words}`)]);
  const summary = await ingestLoaded({ ...options, documents: loader });
  assert.equal(summary.documents.added, 1);
  const chunks = exactChunks(corpus, "tides.pdf");
  assert.equal(chunks.find(({ text }) => text.includes("First."))?.page, 1);
  assert.equal(chunks.find(({ text }) => text.includes("Second."))?.page, 2);
  const record = corpus.document("tides.pdf")!;
  assert.equal(record.metadata["author"], "Mara");
  assert.equal(record.title, "tides");
  assert.equal([...corpus.documents({ author: "Mara" })].length, 1);
});

test("documents of one source that differ in more than the page stay apart, and go when they are gone", async (t) => {
  const options = await place(t);
  const { corpus } = options;
  const rows = ["red", "green", "blue"].map(
    (pageContent, index) =>
      new Document({ pageContent, metadata: { source: "colours.csv", line: index + 1 } }),
  );
  await ingestLoaded({ ...options, documents: rows });
  assert.deepEqual(ids(corpus), ["colours.csv#1", "colours.csv#2", "colours.csv#3"]);
  assert.equal(corpus.document("colours.csv#2")?.metadata["line"], 2);
  const again = await ingestLoaded({ ...options, documents: rows });
  assert.equal(again.documents.unchanged, 3);
  const fewer = await ingestLoaded({ ...options, documents: rows.slice(0, 2) });
  assert.equal(fewer.documents.removed, 1);
  assert.deepEqual(ids(corpus), ["colours.csv#1", "colours.csv#2"]);
});

test("half a character in what a loader gives leaves every passage its place", async (t) => {
  const { corpus, embedder, storeFolder, root } = await place(t);
  const pageContent = `ab\ud83d cd 😀 ef\n\n${"The lamp burns. ".repeat(200)}`;
  const metadata = { source: "lamp\ud83d.txt", note: "x\udc00" };
  const documents = [new Document({ pageContent, metadata })];
  const options = { documents, corpus, embedder, storeFolder, root };
  assert.equal((await ingestLoaded(options)).documents.added, 1);
  assert.equal((await ingestLoaded(options)).documents.unchanged, 1);
  assert.deepEqual(ids(corpus), ["lamp\ufffd.txt"]);
  assert.equal(corpus.document("lamp\ufffd.txt")?.metadata["note"], "x\ufffd");
  assert.ok(exactChunks(corpus, "lamp\ufffd.txt").length > 1);
});

test("an empty document is named; a loader that fails says which it was", async (t) => {
  const options = await place(t);
  const documents = [page(1, " \n "), new Document({ pageContent: "kept", id: "note-7" })];
  const summary = await ingestLoaded({ ...options, documents });
  assert.deepEqual(summary.documents.failed, [{ source: "tides.pdf", reason: "holds no text." }]);
  assert.deepEqual(ids(options.corpus), ["note-7"]);
  class BrokenLoader extends BaseDocumentLoader {
    override load = () => Promise.reject(new Error("no connection"));
  }
  await assert.rejects(ingestLoaded({ ...options, documents: new BrokenLoader() }), {
    code: "file/unreadable",
    message: /BrokenLoader: .*no connection/,
  });
});

const MARKDOWN = `# Harbour

The lantern is lit at dusk.   It burns until dawn.



## Keeper

Mara keeps it. ${"She climbs the stairs every evening with a can of oil. ".repeat(30)}

- rope
- salt
`;

for (const splitter of [
  new RecursiveCharacterTextSplitter({ chunkSize: 120, chunkOverlap: 30 }),
  new MarkdownTextSplitter({ chunkSize: 200, chunkOverlap: 0 }),
  new CharacterTextSplitter({ separator: " ", chunkSize: 90, chunkOverlap: 20 }),
]) {
  test(`pieces of LangChain's ${splitter.constructor.name} are located exactly`, async (t) => {
    const options = await place(t);
    await writeFile(join(options.root, "harbour.md"), MARKDOWN);
    await ingest({ ...options, paths: ["harbour.md"], splitter });
    const { corpus } = options;
    const chunks = exactChunks(corpus, "harbour.md");
    const pieces = (await splitter.splitText(MARKDOWN)).filter((piece) => piece.trim() !== "");
    const solid = (text: string) => text.replace(/\s+/g, "");
    assert.deepEqual(
      chunks.map(({ text }) => solid(text)),
      pieces.map(solid),
    );
    assert.ok(chunks.length > 3);
    const last = chunks.at(-1)!;
    assert.deepEqual(last.heading, ["Harbour", "Keeper"]);
    assert.equal(last.end, MARKDOWN.trimEnd().length);
    const again = await ingest({ ...options, paths: ["harbour.md"], splitter });
    assert.equal(again.documents.unchanged, 1);
    const whole = await ingest({ ...options, paths: ["harbour.md"] });
    assert.equal(whole.documents.updated, 1);
  });
}

class ShoutingSplitter extends TextSplitter {
  override splitText = async (text: string) => [text.toUpperCase()];
}

test("a splitter that rewrites the text is refused clearly", async (t) => {
  const options = await place(t);
  await assert.rejects(
    ingestLoaded({ ...options, documents: [page(1, "calm")], splitter: new ShoutingSplitter() }),
    { code: "request/unsupported", message: /piece 1 is not in the document's text/ },
  );
});

test("a splitter's piece that the embedder would cut short is cut at sentences", async (t) => {
  const options = await place(t);
  const text = Array.from({ length: 120 }, (_, index) => `This is sentence ${index}.`).join(" ");
  const splitter = new RecursiveCharacterTextSplitter({ chunkSize: 100_000, chunkOverlap: 0 });
  await ingestLoaded({ ...options, documents: [page(1, text)], splitter });
  const chunks = exactChunks(options.corpus, "tides.pdf");
  const { embedder } = options;
  assert.ok(chunks.every((chunk) => embedder.countTokens(chunk.text) <= embedder.maxTokens));
  assert.equal(chunks.map((chunk) => chunk.text).join(" "), text);
});

test("subtitles give what is said", async (t) => {
  const options = await place(t);
  const srt =
    "1\n00:00:01,000 --> 00:00:03,000\n<i>The tide turns</i>\n\n2\n00:00:03,500 --> 00:00:05,000\nat four o'clock.\n";
  await writeFile(join(options.root, "talk.srt"), srt);
  await ingest({ ...options, paths: ["."] });
  assert.equal(options.corpus.documentText("talk.srt"), "The tide turns at four o'clock.");
});

test("an Obsidian vault comes in with tags and front matter, each note under its own path", async (t) => {
  const options = await place(t);
  const { corpus, root } = options;
  await mkdir(join(root, "vault", "deep"), { recursive: true });
  const note = "---\nauthor: Mara\nyear: 2021\n---\n# Tides\n\nHigh water at noon. #sea\n";
  await writeFile(join(root, "vault", "tide.md"), note);
  await writeFile(join(root, "vault", "deep", "tide.md"), "Another note, no marks.");
  const job = { ...options, paths: ["vault", "nowhere"], loader: "obsidian" };
  const { documents } = await ingestWithLoader(job);
  assert.equal(documents.added, 2);
  assert.deepEqual(
    documents.failed.map(({ source }) => source),
    ["nowhere"],
  );
  assert.deepEqual(ids(corpus), ["vault/deep/tide.md", "vault/tide.md"]);
  const { title, metadata } = corpus.document("vault/tide.md")!;
  assert.equal(title, "Tides");
  assert.deepEqual([metadata["author"], metadata["year"], metadata["tags"]], ["Mara", 2021, "sea"]);
  const [chunk] = exactChunks(corpus, "vault/tide.md");
  assert.deepEqual(chunk?.heading, ["Tides"]);
  assert.equal((await ingestWithLoader(job)).documents.unchanged, 2);
});

test("a Notion export comes in with each page under its own path", async (t) => {
  const options = await place(t);
  const { corpus, root } = options;
  const page = "Tides 0f3a2b";
  await mkdir(join(root, "export", page), { recursive: true });
  await writeFile(join(root, "export", `${page}.md`), "# Tides\n\nHigh water at noon.\n");
  await writeFile(join(root, "export", page, "Neap 77aa.md"), "# Neap\n\nLow range in spring.\n");
  await writeFile(join(root, "export", page, "chart.png"), "no text");
  const job = { ...options, paths: ["export"], loader: "notion" };
  const { documents } = await ingestWithLoader(job);
  assert.deepEqual(documents.failed, []);
  assert.deepEqual(ids(corpus), [`export/${page}.md`, `export/${page}/Neap 77aa.md`]);
  const [chunk] = exactChunks(corpus, `export/${page}/Neap 77aa.md`);
  assert.match(chunk!.text, /Low range in spring/);
  assert.deepEqual(chunk!.heading, ["Neap"]);
  await rm(join(root, "export", page), { recursive: true });
  await writeFile(join(root, "notes.txt"), "Of no loader.");
  await ingest({ ...options, paths: ["notes.txt"] });
  await rm(join(root, "notes.txt"));
  assert.equal((await ingestWithLoader(job)).documents.removed, 0);
  assert.equal((await ingestWithLoader({ ...job, prune: true })).documents.removed, 1);
  assert.deepEqual(ids(corpus), [`export/${page}.md`, "notes.txt"]);
});

test("notes that a loader read from another folder are not pruned; those of a folder that was moved can be", async (t) => {
  const options = await place(t);
  const { corpus, root } = options;
  await mkdir(join(root, "a/vault"), { recursive: true });
  await mkdir(join(root, "b"));
  for (const name of ["one", "two"]) await writeFile(join(root, "a/vault", `${name}.md`), name);
  const run = (folder: string, prune = true) =>
    ingestWithLoader({
      ...options,
      root: join(root, folder),
      paths: ["."],
      loader: "obsidian",
      prune,
    });
  await run("a", false);
  assert.equal((await run("b")).documents.removed, 0);
  await rename(join(root, "a"), join(root, "moved"));
  assert.equal((await run("b")).documents.kept, 2);
  assert.equal((await run("moved")).documents.removed, 0);
  await rm(join(root, "moved/vault/two.md"));
  assert.equal((await run("moved")).documents.removed, 1);
  assert.deepEqual(ids(corpus), ["vault/one.md"]);
});

test("loading again what has not changed leaves the store's files as they are", async (t) => {
  const options = await place(t);
  const documents = [new Document({ pageContent: "A page.", metadata: { source: "x.md" } })];
  await ingestLoaded({ ...options, documents });
  const written = async () => {
    const names = (await readdir(options.storeFolder)).filter((name) => name !== "writer.lock");
    const times = names.map(async (name) => (await stat(join(options.storeFolder, name))).mtimeMs);
    return [names, await Promise.all(times)];
  };
  const before = await written();
  assert.equal((await ingestLoaded({ ...options, documents })).documents.unchanged, 1);
  assert.deepEqual(await written(), before);
});

test("what a loader gave from elsewhere survives the pruning of files", async (t) => {
  const options = await place(t);
  const { corpus, root } = options;
  const documents = [
    new Document({ pageContent: "A page.", metadata: { source: "https://example.com/x" } }),
    new Document({ pageContent: "Of a repository.", metadata: { source: "src/main.py" } }),
    new Document({ pageContent: "Of no place.", id: "note-7" }),
  ];
  await ingestLoaded({ ...options, documents });
  await writeFile(join(root, "a.txt"), "Of the folder.");
  const { documents: counts } = await ingest({ ...options, paths: ["."], prune: true });
  assert.equal(counts.removed, 0);
  await ingestLoaded({ ...options, documents: [], pruneBelow: ["."] });
  assert.deepEqual(ids(corpus), ["a.txt", "https://example.com/x", "note-7"]);
});

/** One conversation as ChatGPT exports it: a root without a message, a hidden system message, an answer that was tried twice. */
const exported = (title: string) => {
  const said = (role: string, text: string, parent: string, content_type = "text") => ({
    parent,
    message: { author: { role }, content: { content_type, parts: [text] }, create_time: null },
  });
  return {
    id: `id-${title}`,
    title,
    create_time: 1_700_000_000.5,
    current_node: "again",
    mapping: {
      again: said("assistant", `All about ${title}.`, "asked"),
      root: { parent: null, message: null },
      system: said("system", "Hidden.", "root"),
      asked: said("user", `Ask about ${title}?`, "system"),
      code: said("assistant", "search()", "asked", "code"),
      first: said("assistant", "No idea.", "code"),
    },
  };
};

test("ChatGPT's export comes in as one document a conversation, as it was shown last", async (t) => {
  const options = await place(t);
  const { corpus, root } = options;
  const empty = { title: "Empty", mapping: { root: { parent: null, message: null } } };
  const untimely = { ...exported("Rope"), create_time: 1e300, id: "id-Late" };
  const conversations = [exported("Tides"), exported("Rope"), untimely, empty];
  await writeFile(join(root, "conversations.json"), JSON.stringify(conversations));
  await writeFile(join(root, "other.json"), "{}");
  const job = { ...options, paths: ["conversations.json", "other.json"], loader: "chatgpt" };
  const { documents } = await ingestWithLoader(job);
  assert.equal(documents.added, 3);
  assert.match(documents.failed[0]!.reason, /no export of ChatGPT/);
  assert.deepEqual(
    ids(corpus),
    [1, 2, 3].map((number) => `conversations.json#${number}`),
  );
  const text = "User: Ask about Tides?\n\nChatGPT: All about Tides.";
  assert.equal(corpus.documentText("conversations.json#1"), text);
  const { title, metadata } = corpus.document("conversations.json#2")!;
  assert.deepEqual([title, metadata["conversation"]], ["Rope", "id-Rope"]);
  assert.equal(metadata["created"], "2023-11-14T22:13:20.500Z");
  assert.equal(corpus.document("conversations.json#3")!.metadata["created"], undefined);
  assert.equal((await ingestWithLoader(job)).documents.unchanged, 3);
});

test("any loader class is taken by module and name; what is not there is refused by name", async (t) => {
  const options = await place(t);
  const module = join(options.root, "lines-loader.mjs");
  await writeFile(
    module,
    `import { readFileSync } from "node:fs";
export class LinesLoader {
  constructor(path) { this.path = path; }
  async load() {
    return readFileSync(this.path, "utf8").trim().split("\\n").map((pageContent, index) => ({ pageContent, metadata: { source: this.path, line: index, keep: () => 1 } }));
  }
}`,
  );
  await writeFile(join(options.root, "lines.log"), "one\ntwo\n");
  const load = (loader: string) => ingestWithLoader({ ...options, paths: ["lines.log"], loader });
  await load(`${module}#LinesLoader`);
  assert.deepEqual(ids(options.corpus), ["lines.log#1", "lines.log#2"]);
  for (const wrong of ["evernote", `${module}#Other`, "no-such-package#Loader"]) {
    await assert.rejects(load(wrong), { code: "config/invalid" });
  }
});

test("a loader of an ES-only package of the folder one works in is found; a missing file is named without folders", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-own-loader-"));
  const before = process.cwd();
  t.after(async () => {
    process.chdir(before);
    await rm(folder, { recursive: true, force: true });
  });
  const own = join(folder, "node_modules/only-esm");
  await mkdir(own, { recursive: true });
  await writeFile(
    join(own, "package.json"),
    JSON.stringify({ name: "only-esm", type: "module", exports: { import: "./main.js" } }),
  );
  await writeFile(
    join(own, "main.js"),
    "export class Lamps { async load() { return [{ pageContent: 'A lamp.', metadata: {} }]; } }",
  );
  await writeFile(join(folder, "a.txt"), "x");
  process.chdir(folder);
  assert.deepEqual(await runLoader("a.txt", loaderClass("only-esm#Lamps")), [
    { pageContent: "A lamp.", metadata: {} },
  ]);
  await assert.rejects(runLoader("a.txt", loaderClass("./gone.mjs#Lamps")), {
    code: "config/invalid",
    message: "./gone.mjs: there is no such file; check the path.",
  });
  await assert.rejects(runLoader("a.txt", loaderClass("not-there-at-all#Lamps")), {
    code: "config/invalid",
    message:
      "not-there-at-all: cannot be loaded (Cannot find package 'not-there-at-all'); check its name, and that it is installed.",
  });
});

test("what every object has is no loader, and no speaker of a conversation", async (t) => {
  assert.throws(() => loaderClass("constructor"), { code: "config/invalid" });
  const folder = await mkdtemp(join(tmpdir(), "foreword-speakers-"));
  t.after(() => rm(folder, { recursive: true }));
  const node = (role: string) => ({
    message: { author: { role }, content: { content_type: "text", parts: [`by ${role}`] } },
  });
  const mapping = { a: node("toString"), b: node("user") };
  await writeFile(join(folder, "conversations.json"), JSON.stringify([{ mapping }]));
  const [document] = await new ChatGptLoader(join(folder, "conversations.json")).load();
  assert.equal(document?.pageContent, "User: by user");
});
