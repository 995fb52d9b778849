import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { sha256File } from "../../core/index.ts";
import { BETWEEN_TEMPLATE, savePrompt } from "../../ptuning/index.ts";
import { writeTemplate } from "../../ptuning/prompt-template.ts";
import { describePrompt, tokenPrompt } from "../ptuning/learned-prompts.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { foreword } from "./foreword.ts";

const lines = (values: readonly object[]) =>
  values.map((value) => JSON.stringify(value)).join("\n");

describe("eval and tune on inputs, with a tiny model", () => {
  let folder: string;
  let model: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-eval-"));
    model = dirname(await writeTinyModel(folder));
    const lamps = Array.from({ length: 20 }, (_, index) => ({
      id: `lamp-${index}`,
      input: `Lamp ${index}`,
      output: "red",
    }));
    const article = { id: "article", input: "a".repeat(9000), output: "red" };
    // The last: found only in the middle of a run, if it were not looked for.
    await writeFile(join(folder, "few.jsonl"), lines([...lamps, article]));
    await writeFile(join(folder, "many.jsonl"), lines([...lamps.slice(0, 9), article]));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (...words: string[]) =>
    foreword([...words, "--model", model, "--store", "store", "--cache", "cache", "--json"], {
      cwd: folder,
    });

  test("tune skips inputs that are too long and names them, as bad lines of the file", async () => {
    const flags = ["--method", "prompt-tuning", "--tokens", "2", "--epochs", "1"];
    const { code, stdout, stderr } = await run("tune", "few.jsonl", ...flags);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /few\.jsonl: 1 pair is skipped, too long .*"article" needs more than \d+ tokens/,
    );
    // Nothing is retrieved for inputs.
    assert.doesNotMatch(stderr, /Retrieving/);
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { event, count, first } = events[0];
    assert.deepEqual([event, count, first[0].id], ["skipped", 1, "article"]);
    assert.equal(events[1].event, "prepared");
    assert.equal(events.at(-1).event, "done");
  });

  test("eval skips them too, and refuses a file with many before the first answer", async () => {
    const { code, stdout, stderr } = await run("eval", "few.jsonl", "--arms", "no-retrieval,rag");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /few\.jsonl: 1 pair is skipped, too long .*"article" needs/);
    assert.equal(JSON.parse(stdout).n, 20);
    const many = await run("eval", "many.jsonl", "--arms", "rag");
    assert.deepEqual([many.code, many.stdout], [1, ""]);
    assert.match(many.stderr, /1 of 10 are too long .*"article" needs more than \d+ tokens.*5%/);
  });

  test("eval --limit counts questions with and without an answer together", async () => {
    const answered = Array.from({ length: 6 }, (_, i) => ({ input: `Lamp ${i}`, output: "red" }));
    const silent = Array.from({ length: 3 }, (_, i) => ({
      input: `Bell ${i}`,
      is_impossible: true,
    }));
    await writeFile(join(folder, "both.jsonl"), lines([...silent, ...answered]));
    const flags = ["--arms", "rag", "--unanswerable", "--answers"];
    const asked = async (...more: string[]) => {
      const { code, stdout, stderr } = await run("eval", "both.jsonl", ...flags, ...more);
      assert.equal(code, 0, stderr);
      const { questions } = JSON.parse(stdout);
      return questions.map(({ question }: { question: string }) => question);
    };
    assert.deepEqual(await asked("--limit", "3"), ["Lamp 0", "Lamp 1", "Bell 0"]);
    assert.equal((await asked()).length, 9);
  });
});

describe("eval on questions about documents, with tiny models", () => {
  let folder: string;
  let model: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-eval-"));
    const weights = await writeTinyModel(folder);
    model = dirname(weights);
    const lamps = Array.from({ length: 6 }, (_, i) => ({ id: `${i}`, text: `Lamp ${i} is red.` }));
    await writeFile(join(folder, "lamps.jsonl"), lines(lamps));
    await writeFile(
      join(folder, "qa.jsonl"),
      lines([{ id: "1", question: "Which colour has lamp 1?", answers: ["red"] }]),
    );
    const own = describePrompt({ template: writeTemplate(BETWEEN_TEMPLATE) });
    const baseModel = { ...own.baseModel, fingerprint: await sha256File(weights) };
    for (const [name, passagesMax] of [
      ["one", 1],
      ["three", 3],
      ["also-one", 1],
    ] as const) {
      const training = { ...own.training, passages: passagesMax, passagesMax };
      const about = { ...own, name, baseModel, training };
      await savePrompt(join(folder, "store"), tokenPrompt(about));
    }
    const { code, stderr } = await run("ingest", "lamps.jsonl");
    assert.equal(code, 0, stderr);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const embedder = join(import.meta.dirname, "..", "fixtures", "tiny-bert");
  const run = (...words: string[]) => {
    const models = ["--model", model, "--embedder", embedder];
    const shared = ["--store", "store", "--cache", "cache", "--json"];
    return foreword([...words, ...models, ...shared], { cwd: folder });
  };

  test("prompts that learned with different numbers of passages read the same, and that is told", async () => {
    const evaluate = async (...words: string[]) => {
      const { code, stdout, stderr } = await run("eval", "qa.jsonl", "--arms", ...words);
      assert.equal(code, 0, stderr);
      const [warning] = stderr.split("\n").filter((line) => line.startsWith("warning:"));
      return { k: JSON.parse(stdout).k, warning };
    };
    const { k, warning } = await evaluate("one,three");
    assert.equal(k, 3);
    assert.match(warning ?? "", /\("one" 1, "three" 3\), but all arms read 3 .*--k\.$/);
    assert.deepEqual(await evaluate("one,three", "--k", "2"), { k: 2, warning: undefined });
    assert.deepEqual(await evaluate("one,also-one"), { k: 1, warning: undefined });
  });
});
