import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readQaFile } from "../../ptuning/index.ts";

let folder = "";
before(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-qa-"));
});
after(() => rm(folder, { recursive: true, force: true }));

async function write(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}
const lines = (...values: readonly unknown[]) =>
  values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join("\n");
const good = (count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `q${i}`, question: `q ${i}?`, answers: ["x"] }));

test("our JSONL is read with passage and document, blank lines and the byte order mark aside", async () => {
  const path = await write(
    "ours.jsonl",
    `\uFEFF${lines(
      { id: 7, question: " Who? ", answers: ["Ada ", "Ada", ""], passageId: "p1", document: "d" },
      "   ",
      { question: "When?", answers: ["1843"], explicit: true },
    )}\r\n`,
  );
  const { pairs, skipped, hash } = await readQaFile(path);
  assert.deepEqual(pairs, [
    { id: "7", question: "Who?", answers: ["Ada"], passageId: "p1", document: "d" },
    { id: "line-3", question: "When?", answers: ["1843"] },
  ]);
  assert.deepEqual(skipped, []);
  assert.match(hash, /^[0-9a-f]{64}$/);
});

test("a gzip file gives the same pairs and the same hash", async () => {
  const text = lines(...good(3));
  const plain = await readQaFile(await write("plain.jsonl", text));
  const zipped = await readQaFile(await write("zipped.jsonl.gz", gzipSync(text)));
  assert.deepEqual(zipped, plain);
});

test("FlashRAG's golden_answers and the Hugging Face form of SQuAD are read", async () => {
  const path = await write(
    "flash.jsonl",
    lines(
      { id: "test_0", question: "Who?", golden_answers: ["Ada", "Lovelace"] },
      { id: "h", question: "Where?", answers: { text: ["London"], answer_start: [3] } },
    ),
  );
  assert.deepEqual(
    (await readQaFile(path)).pairs.map(({ answers }) => answers),
    [["Ada", "Lovelace"], ["London"]],
  );
});

test("null columns are as if they were not there, and the first field with answers counts", async () => {
  const nothing = {
    ...{ id: null, question: null, input: null, output: null, answers: null },
    ...{ golden_answers: null, answer: null, is_impossible: null, passageId: null, document: null },
  };
  const path = await write(
    "nulls.jsonl",
    lines(
      { ...nothing, question: "Who?", answers: ["Ada"] },
      { ...nothing, question: "When?", answers: [], golden_answers: ["1843"] },
      { ...nothing, question: "Where?", answers: [" "], golden_answers: [], answer: "London" },
      { ...nothing, question: "Which?", answers: { text: [] }, golden_answers: ["that"] },
      { ...nothing, input: "A fine film.", output: "good" },
      { ...nothing, question: "Why?", answers: ["x"], is_impossible: true },
      { ...nothing, question: "Whence?", answers: { text: [] } },
    ),
  );
  const { pairs, unanswerable, skipped } = await readQaFile(path);
  assert.deepEqual(pairs, [
    { id: "line-1", question: "Who?", answers: ["Ada"] },
    { id: "line-2", question: "When?", answers: ["1843"] },
    { id: "line-3", question: "Where?", answers: ["London"] },
    { id: "line-4", question: "Which?", answers: ["that"] },
    { id: "line-5", question: "A fine film.", answers: ["good"], task: "input" },
  ]);
  assert.deepEqual(
    unanswerable.map(({ question }) => question),
    ["Why?", "Whence?"],
  );
  assert.deepEqual(skipped, []);
});

test("empty lists everywhere are a bad line, where nothing says that there is no answer", async () => {
  const path = await write(
    "empty.jsonl",
    lines({ question: "Who?", answers: [], golden_answers: [] }),
  );
  await assert.rejects(readQaFile(path), { code: "qa/invalid", message: /there is no answer/ });
});

test("SQuAD v2 JSON is read; questions without an answer on purpose are counted apart", async () => {
  const qas = [
    { id: "a", question: "Who?", answers: [{ text: "Ada", answer_start: 0 }, { text: "Ada" }] },
    { id: "b", question: "Why?", answers: [], is_impossible: true },
  ];
  const path = await write(
    "squad.json",
    JSON.stringify({ version: "v2.0", data: [{ title: "T", paragraphs: [{ context: "", qas }] }] }),
  );
  const { pairs, unanswerable, skipped } = await readQaFile(path);
  assert.deepEqual(pairs, [{ id: "a", question: "Who?", answers: ["Ada"], document: "T" }]);
  assert.deepEqual(unanswerable, [{ id: "b", question: "Why?", answers: [], document: "T" }]);
  assert.deepEqual(skipped, []);
});

test("bad lines are skipped with their numbers up to 5% of the file", async () => {
  const path = await write("few.jsonl", lines(...good(19), "{broken"));
  const { pairs, skipped } = await readQaFile(path);
  assert.equal(pairs.length, 19);
  assert.deepEqual(skipped, [{ where: "line 20", problem: "not JSON in UTF-8" }]);
});

test("above 5% the file is refused, with the first lines and reasons", async () => {
  const bad = [
    { question: "Who?", answers: [] },
    { question: "", answers: ["x"] },
  ];
  const path = await write("many.jsonl", lines(...bad, ...good(20)));
  await assert.rejects(readQaFile(path), {
    code: "qa/invalid",
    message: /^many\.jsonl: 2 of 22 .*line 1: there is no answer; line 2: the question is empty/,
  });
});

test("a line of the wrong shape is named by field, without its text", async () => {
  const path = await write("shape.jsonl", lines({ question: "secret?", answers: "secret" }));
  await assert.rejects(readQaFile(path), (error: Error) => {
    assert.match(error.message, /line 1: "answers"/);
    assert.doesNotMatch(error.message, /secret/);
    return true;
  });
});

test("a line longer than 1 MB and one with 101 answers are bad lines", async () => {
  const path = await write(
    "long.jsonl",
    lines(
      { question: "Who?", answers: ["x".repeat(2 ** 20)] },
      { question: "Who?", answers: Array.from({ length: 101 }, String) },
      ...good(38),
    ),
  );
  const { skipped } = await readQaFile(path);
  assert.equal(skipped[0]?.problem, "longer than 1 MB");
  assert.match(skipped[1]?.problem ?? "", /^"answers"/);
});

test("bytes that are not UTF-8 make their line bad, not the file", async () => {
  const broken = Buffer.from('\n{"question":"\u00ff","answers":["x"]}', "latin1");
  const path = await write("latin.jsonl", Buffer.concat([Buffer.from(lines(...good(20))), broken]));
  assert.deepEqual((await readQaFile(path)).skipped, [
    { where: "line 21", problem: "not JSON in UTF-8" },
  ]);
});

test("a missing file, a folder, an empty file and a cut gzip each say what is wrong", async () => {
  const zipped = gzipSync(lines(...good(200)));
  const cases: readonly [string, string, RegExp][] = [
    [join(folder, "none.jsonl"), "file/not-found", /^none\.jsonl: there is no such file/],
    [folder, "file/unreadable", /it is a folder/],
    [await write("empty.jsonl", ""), "qa/invalid", /^empty\.jsonl: there is no question/],
    [await write("cut.jsonl.gz", zipped.subarray(0, 80)), "file/invalid", /damaged or cut off/],
    [await write("no.jsonl.gz", "plain"), "file/invalid", /^no\.jsonl\.gz/],
  ];
  for (const [path, code, message] of cases) {
    await assert.rejects(readQaFile(path), { code, message });
  }
});
