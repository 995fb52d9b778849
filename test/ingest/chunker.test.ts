import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK_SIZES, chunkSizesFor } from "../../ingest/chunks/chunker.ts";
import { splitWith } from "../../ingest/chunks/split-with.ts";
import { chunkDocument, type ParsedDocument } from "../../ingest/index.ts";
import { parseHtml } from "../../ingest/readers/html.ts";
import { parseMarkdown } from "../../ingest/readers/markdown.ts";
import { parsePlainText } from "../../ingest/readers/plain-text.ts";
import { BertEmbedder, type NewChunk } from "../../retriever/index.ts";
import { defaultModel } from "../default-model.ts";

const sizes = { targetTokens: 30, maxTokens: 40, minTokens: 10, overlapTokens: 0 };
const words = (text: string) => text.split(/\s+/).filter((word) => word !== "").length;
const chunk = (document: ParsedDocument, count = words): NewChunk[] =>
  chunkDocument(document, count, sizes);
const sentence = (name: string) => `The ${name} was built of grey stone by seven patient masons.`;

test("an embedder that reads less gets smaller chunks, one that reads more the usual ones", () => {
  assert.deepEqual(chunkSizesFor(254), CHUNK_SIZES);
  assert.deepEqual(chunkSizesFor(510), CHUNK_SIZES);
  const small = chunkSizesFor(126);
  assert.deepEqual(small, { targetTokens: 89, maxTokens: 119, minTokens: 29, overlapTokens: 0 });
});

/** What every cut of every document keeps. */
function assertFaithful(document: ParsedDocument, chunks: readonly NewChunk[], count = words) {
  let last = 0;
  for (const { start, end, text } of chunks) {
    assert.ok(start >= last && end > start, `${start}-${end} after ${last}`);
    assert.equal(text, document.text.slice(start, end));
    assert.ok(count(text) <= sizes.maxTokens, `${count(text)} tokens: ${text}`);
    assert.ok(text.length <= 8 * sizes.maxTokens, `${text.length} characters`);
    assert.doesNotMatch(text, /\p{Surrogate}/u, "half a character");
    last = end;
  }
  for (const { kind, start, end } of document.blocks) {
    if (kind === "heading") continue;
    for (let at = start; at < end; at++) {
      if (/\s/.test(document.text[at]!)) continue;
      assert.ok(
        chunks.some((one) => one.start <= at && at < one.end),
        `character ${at} (${document.text.slice(at, at + 20)}) is in no chunk`,
      );
    }
  }
}

test("paragraphs are put together up to the target and never cut when they fit", () => {
  const paragraphs = ["tower", "bridge", "harbour", "mill", "school"].map(sentence);
  const document = parsePlainText(paragraphs.join("\n\n"));
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.deepEqual(
    chunks.map(({ text }) => text.split("\n\n").length),
    [3, 2],
  );
});

test("a paragraph that is too long is cut between sentences", () => {
  const names = Array.from({ length: 12 }, (_, index) => sentence(`tower number ${index}`));
  const document = parsePlainText(names.join(" "));
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.ok(chunks.length > 2);
  for (const { text } of chunks) assert.match(text, /^The .*masons\.$/s);
});

test("a sentence goes on over the end of a line; lines without sentences stay whole", () => {
  const names = Array.from({ length: 12 }, (_, index) => sentence(`tower number ${index}`));
  const wrapped = names.join(" ").replace(/(.{1,50})\s/g, "$1\n");
  const chunks = chunk(parsePlainText(wrapped));
  assert.ok(chunks.length > 2);
  for (const { text } of chunks) assert.match(text, /^The\s[\s\S]*masons\.$/);
  const overlapping = chunkDocument(parsePlainText(wrapped), words, {
    ...sizes,
    overlapTokens: 20,
  });
  assert.ok(overlapping.some(({ start }, index) => start < (overlapping[index - 1]?.end ?? 0)));
  for (const { text } of overlapping) assert.match(text, /^The\s/);
  const log = Array.from({ length: 60 }, (_, index) => `line ${index} the lamp burns`);
  for (const { text } of chunk(parsePlainText(log.join("\n")))) {
    assert.match(text, /^line \d+ [\s\S]* burns$/);
  }
});

test("a heading begins a chunk and stands in its path, not in its text", () => {
  const text = `# Town\n\n${sentence("gate")} ${sentence("wall")}\n\n## Harbour\n\n${sentence("quay")} ${sentence("crane")}\n\n### Light\n\n${sentence("lamp")} ${sentence("stair")}\n\n## Market\n\n${sentence("stall")}`;
  const document = parseMarkdown(text);
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.deepEqual(
    chunks.map(({ heading }) => heading),
    [["Town"], ["Town", "Harbour"], ["Town", "Harbour", "Light"], ["Town", "Market"]],
  );
  assert.ok(chunks.every((one) => !one.text.includes("#")));
});

test("passages repeat the beginning of a heading that is too long, and one has all of it", () => {
  const heading = `${sentence("gate")} `.repeat(500).trim();
  const text = `# ${heading}\n\n${`${sentence("quay")} `.repeat(20)}`;
  const chunks = chunk(parseMarkdown(text));
  for (const { heading: path } of chunks) {
    assert.equal(path.length, 1);
    assert.ok(path[0]!.length <= 300);
    assert.match(path[0]!, /^The gate was built .*\b(?:The|gate|was|built|of|grey|stone)…$/);
  }
  const read = chunks.map((one) => one.text).join(" ");
  assert.ok(read.startsWith(`# ${heading}`));
});

test("a section too small for a passage of its own goes on over the next heading", () => {
  const document = parseMarkdown(`# A\n\nOne two three.\n\n# B\n\nFour five six.`);
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.equal(chunks.length, 1);
  assert.deepEqual(chunks[0]?.heading, ["A"]);
});

test("a table that is too long is cut between rows", () => {
  const rows = Array.from(
    { length: 30 },
    (_, index) => `| ship ${index} | built in ${1900 + index} |`,
  );
  const document = parseMarkdown(`| name | year |\n| --- | --- |\n${rows.join("\n")}`);
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.ok(chunks.length > 1);
  for (const { text } of chunks) assert.match(text, /^\|[\s\S]*\|$/);
  const [first, ...others] = chunks;
  assert.deepEqual(first!.heading, []);
  for (const { heading } of others) assert.deepEqual(heading, ["name | year"]);
});

test("a table that fits stays whole, after a text that is cut for it", () => {
  const table = Array.from({ length: 8 }, (_, index) => `| ship ${index} |`).join("\n");
  const text = `${sentence("pier")} ${sentence("mill")} ${sentence("inn")}`;
  const document = parseMarkdown(`${text}\n\n| ships |\n| --- | --- |\n${table}`);
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.equal(chunks.length, 2);
  assert.match(chunks[1]!.text, /^\| ships \|[\s\S]*ship 7 \|$/);
});

test("chunks overlap by whole sentences, within a section only", () => {
  const names = Array.from({ length: 12 }, (_, index) => `pier ${index}`);
  const section = (some: readonly string[]) => some.map(sentence).join(" ");
  const body = `# One\n\n${section(names.slice(0, 6))}\n\n# Two\n\n${section(names.slice(6))}`;
  const document = parseMarkdown(body);
  const chunks = chunkDocument(document, words, { ...sizes, overlapTokens: 14 });
  assert.ok(chunks.length > 4);
  for (const [index, { start, end, text, heading }] of chunks.entries()) {
    assert.equal(text, body.slice(start, end));
    assert.ok(words(text) <= sizes.maxTokens);
    const before = chunks[index - 1];
    if (!before) continue;
    if (heading[0] !== before.heading[0]) assert.ok(start > before.end);
    else {
      const shared = body.slice(start, before.end);
      assert.match(shared, /^The pier \d+ was [^.]*\.$/);
      assert.ok(words(shared) <= 14);
    }
  }
});

test("text without spaces or sentences is still cut", () => {
  const characters = (text: string) => Math.ceil(text.length / 2);
  for (const body of [
    "x".repeat(5000),
    "한국어문장이끝없이이어진다".repeat(200),
    "🙂".repeat(900),
  ]) {
    const document = parsePlainText(body);
    const chunks = chunk(document, characters);
    assertFaithful(document, chunks, characters);
    assert.ok(chunks.length > 10);
  }
});

/** A document of one block. */
const blockOf = (kind: "paragraph" | "table" | "code", text: string): ParsedDocument => ({
  title: "",
  text,
  blocks: [{ kind, start: 0, end: text.length }],
});

for (const kind of ["paragraph", "table", "code"] as const) {
  test(`an endless line takes time by its length only: ${kind}`, { timeout: 120_000 }, () => {
    const document = blockOf(kind, "function a(b,c){return b+c;}var d=a(1,2);".repeat(10_000));
    const marks = (text: string) => text.match(/\w+|[^\s\w]/g)?.length ?? 0;
    assertFaithful(document, chunk(document, marks), marks);
  });

  test(`what counts as one token however long it is, is cut by its characters: ${kind}`, () => {
    for (const text of [
      "ACGT".repeat(5000),
      `x${"𝒜".repeat(3000)}`,
      Array.from({ length: 60 }, () => "การประชุมคณะกรรมการ".repeat(12)).join(" "),
      Array.from({ length: 100 }, () => "deadbeef".repeat(12)).join("\n"),
    ]) {
      const document = blockOf(kind, text);
      assertFaithful(document, chunk(document));
    }
  });
}

test("passages that overlap stay within their characters", () => {
  const text = Array.from({ length: 60 }, (_, at) => `${"z".repeat(150)}${at} goes on.`).join(" ");
  const chunks = chunkDocument(blockOf("paragraph", text), words, { ...sizes, overlapTokens: 14 });
  for (const one of chunks) assert.ok(one.text.length <= 8 * sizes.maxTokens);
});

test("a paragraph without end is cut between sentences, and where it has none between words", () => {
  const sentences = blockOf("paragraph", `${sentence("tower")} `.repeat(700));
  const run = blockOf("paragraph", "𝒜𝒷𝒸𝒹 lighthouse ".repeat(3000));
  for (const one of chunk(sentences)) assert.match(one.text, /^The .*masons\.$/s);
  const chunks = chunk(run);
  assertFaithful(run, chunks);
  for (const one of chunks) assert.match(one.text.trim(), /^(?:𝒜|light).*(?:house|𝒹)$/s);
});

test("Korean is cut between sentences", () => {
  const text = Array.from({ length: 20 }, (_, index) => `등대는 ${index}년에 세워졌다.`).join(" ");
  const document = parsePlainText(text);
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  for (const one of chunks) assert.match(one.text, /^등대는.*세워졌다\.$/);
});

test("a heading with nothing below it is read as a paragraph, in its place", () => {
  const fact = `${sentence("gate")} ${sentence("wall")}`;
  const document = parseMarkdown(
    `# Inn\n\n${fact}\n\n## Address: 12 Main Street\n\n## Phone: 555-1234\n\n## Rooms\n\n${fact}\n\n# Thank you, call 555-1234`,
  );
  const chunks = chunk(document);
  assertFaithful(document, chunks);
  assert.deepEqual(
    chunks.map(({ heading, text }) => [heading, text]),
    [
      [["Inn"], fact],
      [["Inn"], `## Address: 12 Main Street\n\n## Phone: 555-1234\n\n## Rooms\n\n${fact}`],
      [[], "# Thank you, call 555-1234"],
    ],
  );
});

test("headings lose the marks of Markdown only where they are Markdown's", async () => {
  const html = parseHtml(
    "<body><h2>max_new_tokens in C#</h2><p>One.</p><h2># of * users</h2><p>Two.</p></body>",
  );
  const markdown = parseMarkdown("## `max_new_tokens` in C\n\nOne.\n\n## *Of* users\n\nTwo.");
  const eachSection = { ...sizes, minTokens: 0 };
  const paths = (document: ParsedDocument) =>
    chunkDocument(document, words, eachSection).map(({ heading }) => heading);
  assert.deepEqual(paths(html), [["max_new_tokens in C#"], ["# of * users"]]);
  assert.deepEqual(paths(markdown), [["max_new_tokens in C"], ["Of users"]]);
  const splitter = { splitText: async () => ["One.", "Two."] };
  const split = await splitWith(splitter, html, { countTokens: words, maxTokens: 40 });
  assert.deepEqual(
    split.map(({ heading }) => heading),
    paths(html),
  );
});

test("a heading above others is read with theirs", () => {
  const document = parseMarkdown("# One\n\n## Two\n\n### Three\n\n## Four");
  const [only, ...others] = chunk(document);
  assert.deepEqual(others, []);
  assert.deepEqual(only?.heading, ["One", "Two"]);
  assert.equal(only?.text, "### Three\n\n## Four");
  assert.equal(chunk(parseMarkdown("#"))[0]?.text, "#");
});

test("with the embedder's own tokenizer no chunk is longer than the embedder reads", async (t) => {
  const embedder = await BertEmbedder.open(await defaultModel("all-minilm-l6-v2"));
  t.after(() => embedder.close());
  const count = (text: string) => embedder.countTokens(text);
  const body = `${`${sentence("tower")} `.repeat(60)}${"x7-".repeat(900)}`;
  const chunks = chunkDocument(parsePlainText(body), count);
  assert.ok(chunks.length > 5);
  for (const { text } of chunks) assert.ok(count(text) <= 240, `${count(text)}`);
});

test("endless runs of blanks in a table's head or a paragraph take no more time than other text", () => {
  const spaces = " ".repeat(1_000_000);
  const table = `a |${spaces}| b\nc | d`;
  const [one] = chunk({
    title: "",
    text: table,
    blocks: [{ kind: "table", start: 0, end: table.length }],
  });
  assert.equal(one?.start, 0);
  const text = `A lamp.${"\n".repeat(200_000)}A light.`;
  const whole = { kind: "paragraph" as const, start: 0, end: text.length };
  const chunks = chunk({ title: "", text, blocks: [whole] });
  assert.equal(chunks.at(-1)?.end, text.length);
});
