import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { RagError } from "../../core/index.ts";
import type { JobRun, TuneRequest } from "../../pipeline/jobs/job-record.ts";
import { runTune } from "../../pipeline/jobs/run-tune.ts";
import { quietWorkspace } from "../../pipeline/quiet-workspace.ts";
import { uploadsFolder } from "../../pipeline/uploads.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { settingsOf } from "./settings-of.ts";

const COLOURS = ["red", "green", "blue"];
const INPUTS = Array.from({ length: 12 }, (_, index) => ({
  input: `Lamp ${index} on pier ${index % 5}`,
  output: COLOURS[index % 3],
}));

describe("a training job on an empty store", () => {
  let folder: string;
  let run: JobRun;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-run-tune-"));
    const settings = settingsOf(folder, {
      store: join(folder, "store"),
      model: dirname(await writeTinyModel(folder)),
      // Whatever searches fails.
      embedder: join(folder, "no-embedder"),
    });
    const { signal } = new AbortController();
    run = { settings, workspace: quietWorkspace(settings, signal), signal, tell: () => {} };
    const uploads = uploadsFolder(settings.store, "questions");
    await mkdir(uploads, { recursive: true });
    const lines = (pairs: readonly object[]) =>
      pairs.map((pair) => JSON.stringify(pair)).join("\n");
    await writeFile(join(uploads, "inputs.jsonl"), lines(INPUTS));
    const article = { id: "article", input: "a".repeat(9000), output: "red" };
    await writeFile(join(uploads, "long.jsonl"), lines([article, ...INPUTS, ...INPUTS]));
    const question = { question: "How tall is the lamp?", answers: ["2 m"] };
    await writeFile(join(uploads, "mixed.jsonl"), lines([...INPUTS, question]));
  });
  after(async () => {
    await run.workspace.close();
    await rm(folder, { recursive: true, force: true });
  });

  const request = (questions: string): TuneRequest => ({
    kind: "tune",
    questions,
    settings: { name: "lamps", method: "prompt-tuning", tokens: 2, epochs: 1 },
    testQuestions: 2,
  });

  test("learns inputs that stand alone, and answers those kept out before and after", async () => {
    const { comparison } = await runTune(request("inputs.jsonl"), false, run);
    assert.equal(comparison?.n, 2);
    assert.deepEqual(Object.keys(comparison.arms), ["rag", "lamps"]);
    assert.equal(comparison.retrieval, undefined);
    for (const { question, answers } of comparison.questions) {
      assert.match(question, /^Lamp/);
      assert.equal(typeof answers["lamps"]?.answer, "string");
    }
  });

  test("skips an input that is too long, among those kept out as well, and tells of it", async () => {
    const told: { event: string; count?: unknown }[] = [];
    const telling = { ...run, tell: (event: (typeof told)[number]) => void told.push(event) };
    const { comparison } = await runTune(
      { ...request("long.jsonl"), testQuestions: 24 },
      false,
      telling,
    );
    const skipped = told.filter(({ event }) => event === "skipped");
    assert.deepEqual(
      skipped.map(({ count }) => count),
      [1],
    );
    // A fifth of those that are left.
    assert.equal(comparison?.n, 4);
  });

  test("refuses questions before anything slow is started", async () => {
    const empty = new RagError("store/empty", "there are no documents here.");
    const workspace = { requireDocuments: () => Promise.reject(empty) };
    const refusing = { ...run, workspace } as unknown as JobRun;
    await assert.rejects(runTune(request("mixed.jsonl"), false, refusing), { code: "store/empty" });
  });
});
