import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { RagError } from "../../core/index.ts";
import type { Generator } from "../../generator/index.ts";
import { CellFailures } from "../../pipeline/compare/cell-failures.ts";
import { type Comparison, compare } from "../../pipeline/compare/compare.ts";
import type { CompareEvent } from "../../pipeline/compare/compare-events.ts";
import type { Experiment } from "../../pipeline/compare/experiment.ts";
import { openTinyGenerator, reopenTiny, writeTinyModel } from "../ptuning/tiny-generator.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { foreword } from "./foreword.ts";

const pairs = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) =>
    JSON.stringify({ id: String(from + i), input: `Lamp ${from + i}`, output: "red" }),
  ).join("\n");

const experiment: Experiment = {
  name: "e",
  datasets: [{ name: "lamps", train: "train.jsonl", test: "test.jsonl" }],
  arms: [
    { kind: "rag", name: "rag" },
    {
      ...{ kind: "tune", name: "hot" },
      settings: { method: "prompt-tuning", tokens: 2, epochs: 1, devShare: 0 },
    },
    { kind: "hand", name: "long", text: "x".repeat(3000) },
  ],
  passages: [1],
  tokens: [1, "all"],
  seeds: [1],
};

/** Every loss is 1000 times what it is. */
function exploding(generator: Generator): Generator {
  const lossAndGradient = generator.lossAndGradient.bind(generator);
  generator.lossAndGradient = async (...given) => {
    const result = await lossAndGradient(...given);
    return { ...result, loss: 1000 * result.loss };
  };
  return generator;
}

test("a cell that fails is told at once and left out, the others go on, and the next run tries it again", async () => {
  const tiny = await openTinyGenerator();
  await writeFile(join(tiny.folder, "train.jsonl"), pairs(0, 10));
  await writeFile(join(tiny.folder, "test.jsonl"), pairs(10, 14));
  const weights = join(tiny.modelFolder, "model.safetensors");
  const run = async (explodes: boolean) => {
    const going = compare({
      experiment,
      outFolder: join(tiny.folder, "out"),
      dataFolder: tiny.folder,
      openGenerator: async () => {
        const generator = await reopenTiny(weights, tiny.folder);
        return explodes ? exploding(generator) : generator;
      },
      modelSettings: {},
      requireStore: async () => {},
      retrieve: async (_, questions) => questions.map(() => []),
      retrievalOf: async () => "none",
      signal: new AbortController().signal,
    });
    const events: CompareEvent[] = [];
    for (;;) {
      const { value, done } = await going.next();
      if (done) return { events, comparison: value };
      events.push(value);
    }
  };
  const answered = ({ cells }: Comparison) =>
    cells.map(({ cell }) => `${cell.arm.name} ${cell.tokens}`);
  try {
    const first = await run(true);
    assert.deepEqual(answered(first.comparison), ["rag all"]);
    const told = first.events.flatMap((event) => (event.event === "failed" ? [event] : []));
    assert.deepEqual(
      told.map(({ dataset, arm, seed, passages, done, cells }) =>
        [dataset, arm, seed, passages, done, cells].join(),
      ),
      // A training that fails takes both its evaluations along.
      ["lamps,hot,1,,2,4", "lamps,long,1,1,3,4"],
    );
    assert.match(told[0]!.reason, /^step 1: the loss is .* training has come apart/);
    assert.match(told[1]!.reason, /tokens/);
    assert.equal(first.comparison.failed.length, 2);
    const second = await run(false);
    assert.deepEqual(answered(second.comparison), ["rag all", "hot 1", "hot all"]);
    assert.deepEqual(
      second.comparison.failed.map(({ arm }) => arm),
      ["long"],
    );
  } finally {
    await tiny.close();
  }
});

test("what would stop the other cells too, and what follows an abort, is no failure of one cell", () => {
  const cell = {
    ...{ dataset: experiment.datasets[0]!, arm: experiment.arms[0]! },
    ...{ seed: 1, passages: 1, tokens: "all" as const },
  };
  const abort = new AbortController();
  const failures = new CellFailures(abort.signal);
  const refuses = (thrown: Error) =>
    assert.throws(
      () => failures.note(cell, thrown),
      (one) => one === thrown,
    );
  refuses(new RagError("file/write-failed", "out: the disk is full."));
  refuses(new RagError("store/empty", "lamps: there is nothing."));
  refuses(new TypeError("a mistake"));
  const own = new RagError("context/overflow", "too long.");
  assert.equal(failures.note(cell, own).reason, "too long.");
  abort.abort();
  refuses(own);
  assert.equal(failures.cells.length, 1);
});

test("the reports list failed cells with their reasons, and the command ends with 1", async (t) => {
  const folder = temporaryFolder(t);
  const model = join(await writeTinyModel(folder), "..");
  await writeFile(join(folder, "train.jsonl"), pairs(0, 10));
  await writeFile(join(folder, "test.jsonl"), pairs(10, 14));
  const arms = experiment.arms.filter(({ kind }) => kind !== "tune");
  await writeFile(join(folder, "e.json"), JSON.stringify({ ...experiment, arms }));
  const words = ["compare", "e.json", "--out", "out", "--json", "--model", model];
  const { code, stdout, stderr } = await foreword([...words, "--cache", "cache"], { cwd: folder });
  assert.equal(code, 1, stderr);
  assert.match(stderr, /1\/2 long on lamps, seed 1 .* failed: pair "10": it needs .*tokens/);
  assert.match(stderr, /Without a result: long on lamps, seed 1 /);
  const { arms: shown, failed } = JSON.parse(stdout.trim().split("\n").at(-1)!);
  assert.deepEqual(
    shown.map(({ arm }: { arm: string }) => arm),
    ["rag"],
  );
  assert.equal(failed[0].arm, "long");
  const markdown = await readFile(join(folder, "out/report.md"), "utf8");
  assert.match(markdown, /^## Failed$[^|]*^\* long on lamps, seed 1 .*tokens/m);
  assert.doesNotMatch(markdown, /^\| long/m);
  const html = await readFile(join(folder, "out/report.html"), "utf8");
  assert.match(html, /<h2>Failed<\/h2>.*<td>long on lamps, seed 1 /s);
});
