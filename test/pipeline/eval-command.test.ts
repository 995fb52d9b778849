import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { foreword } from "./foreword.ts";

describe("inputs that are too long, on a tiny model", () => {
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
    const lines = (pairs: readonly object[]) =>
      pairs.map((pair) => JSON.stringify(pair)).join("\n");
    // The last: found only in the middle of a run, if it were not looked for.
    await writeFile(join(folder, "few.jsonl"), lines([...lamps, article]));
    await writeFile(join(folder, "many.jsonl"), lines([...lamps.slice(0, 9), article]));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (...words: string[]) =>
    foreword([...words, "--model", model, "--store", "store", "--cache", "cache", "--json"], {
      cwd: folder,
    });

  test("tune skips and names them, as bad lines of the file", async () => {
    const flags = ["--method", "prompt-tuning", "--tokens", "2", "--epochs", "1"];
    const { code, stdout, stderr } = await run("tune", "few.jsonl", ...flags);
    assert.equal(code, 0, stderr);
    assert.match(
      stderr,
      /few\.jsonl: 1 pair is skipped, too long .*"article" needs more than \d+ tokens/,
    );
    const events = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    const { event, count, first } = events[0];
    assert.deepEqual([event, count, first[0].id], ["skipped", 1, "article"]);
    assert.equal(events.at(-1).event, "done");
  });

  test("eval skips and names them, and refuses a file with many before the first answer", async () => {
    const { code, stdout, stderr } = await run("eval", "few.jsonl", "--arms", "no-retrieval,rag");
    assert.equal(code, 0, stderr);
    assert.match(stderr, /few\.jsonl: 1 pair is skipped, too long .*"article" needs/);
    assert.equal(JSON.parse(stdout).n, 20);
    const many = await run("eval", "many.jsonl", "--arms", "rag");
    assert.deepEqual([many.code, many.stdout], [1, ""]);
    assert.match(many.stderr, /1 of 10 are too long .*"article" needs more than \d+ tokens.*5%/);
  });
});
