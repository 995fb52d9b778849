import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { before, test } from "node:test";
import { parseHTML } from "linkedom";
import { z } from "zod";

const demoFolder = join(import.meta.dirname, "..", "..", "demo");
const documentFolder = join(demoFolder, "documents");

const questionSchema = z.strictObject({
  id: z.string().min(1),
  question: z.string().regex(/^[A-Z].*\?$/),
  answers: z.array(z.string().min(1)).min(1).max(4),
  document: z.string().regex(/^[a-z0-9-]+\.(md|html|pdf|docx)$/),
});
type Question = z.infer<typeof questionSchema>;

let documents: string[] = [];
let train: Question[] = [];
let held: Question[] = [];
before(async () => {
  documents = await readdir(documentFolder);
  train = await readQuestions("qa-train.jsonl");
  held = await readQuestions("qa-test.jsonl");
});

test("the corpus has at least 44 documents in four formats", () => {
  assert.ok(documents.length >= 44, `${documents.length} documents`);
  const atLeast = { ".md": 18, ".html": 12, ".pdf": 7, ".docx": 7 };
  for (const [extension, count] of Object.entries(atLeast)) {
    const found = documents.filter((name) => extname(name) === extension).length;
    assert.ok(found >= count, `${found} files end in ${extension}, expected ${count}`);
  }
});

test("there are at least 240 training and 130 test questions", () => {
  assert.ok(train.length >= 240, `${train.length} training questions`);
  assert.ok(held.length >= 130, `${held.length} test questions`);
});

test("training and test questions are about different documents, and none is left out", () => {
  const trained = new Set(train.map((item) => item.document));
  const tested = new Set(held.map((item) => item.document));
  assert.deepEqual(
    [...trained].filter((name) => tested.has(name)),
    [],
  );
  assert.deepEqual([...trained, ...tested].sort(), [...documents].sort());
});

test("both splits have documents of every format", () => {
  for (const questions of [train, held]) {
    const formats = new Set(questions.map((item) => extname(item.document)));
    assert.deepEqual([...formats].sort(), [".docx", ".html", ".md", ".pdf"]);
  }
});

test("no id and no question occurs twice", () => {
  const all = [...train, ...held];
  assert.deepEqual(repeated(all.map((item) => item.id)), []);
  assert.deepEqual(repeated(all.map((item) => item.question.toLowerCase())), []);
});

test("first answers are short", () => {
  const long = [...train, ...held].filter((item) => words(item.answers[0]!).length > 6);
  assert.deepEqual(long, []);
});

test("no question leans on its document being at hand", () => {
  const leaning = [...train, ...held].filter((item) =>
    /\b(this|the above) (document|text|page|article)\b/i.test(item.question),
  );
  assert.deepEqual(leaning, []);
});

test("no question gives its own answer away", () => {
  const leaking = [...train, ...held].filter((item) =>
    wordLine(item.question).includes(wordLine(item.answers[0]!)),
  );
  assert.deepEqual(leaking, []);
});

test("first answers stand word for word in their Markdown or HTML document", async () => {
  const missing: string[] = [];
  const texts = await readableTexts();
  for (const { id, document, answers } of [...train, ...held]) {
    const text = texts.get(document);
    if (text !== undefined && !text.includes(answers[0]!)) missing.push(`${id}: ${answers[0]}`);
  }
  assert.deepEqual(missing, []);
});

test("Markdown and HTML documents have 300 to 750 words and at least three headings", async () => {
  for (const [name, text] of await readableTexts()) {
    const count = words(text).length;
    assert.ok(count >= 300 && count <= 750, `${name} has ${count} words`);
    const source = await readFile(join(documentFolder, name), "utf8");
    const headings = source.match(/^(## |\s*<h2 )/gm) ?? [];
    assert.ok(headings.length >= 3, `${name} has ${headings.length} headings`);
  }
});

test("PDF and DOCX documents begin with the marks of their format and stay small", async () => {
  const marks: Record<string, string> = { ".pdf": "%PDF-", ".docx": "PK" };
  for (const name of documents) {
    const mark = marks[extname(name)];
    if (mark === undefined) continue;
    const bytes = await readFile(join(documentFolder, name));
    assert.ok(bytes.subarray(0, mark.length).equals(Buffer.from(mark)), name);
    assert.ok(bytes.length < 100_000, `${name} has ${bytes.length} bytes`);
  }
});

async function readQuestions(name: string): Promise<Question[]> {
  const text = await readFile(join(demoFolder, name), "utf8");
  return text
    .trimEnd()
    .split("\n")
    .map((line) => questionSchema.parse(JSON.parse(line)));
}

/** The text of every md and html document, white space collapsed; of html only the main part. */
async function readableTexts(): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  for (const name of documents.filter((each) => /\.(md|html)$/.test(each))) {
    const source = await readFile(join(documentFolder, name), "utf8");
    const text = name.endsWith(".md") ? source : mainText(source);
    texts.set(name, words(text).join(" "));
  }
  return texts;
}

function mainText(html: string): string {
  return parseHTML(html).document.querySelector("main")?.textContent ?? "";
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}

/** Lower-case words between single spaces, with a space at both ends, so that only whole words match. */
function wordLine(text: string): string {
  return ` ${(text.toLowerCase().match(/[a-z0-9]+/g) ?? []).join(" ")} `;
}

function repeated(values: readonly string[]): string[] {
  return values.filter((value, index) => values.indexOf(value) !== index);
}
