import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  cellName,
  evaluationCells,
  type TrainingCell,
  trainingName,
} from "../../pipeline/compare/cells.ts";
import { compare } from "../../pipeline/compare/compare.ts";
import { drawnPairs } from "../../pipeline/compare/comparison-data.ts";
import {
  type Dataset,
  type Experiment,
  readExperiment,
} from "../../pipeline/compare/experiment.ts";
import { markdownAnswers, markdownReport } from "../../pipeline/compare/markdown.ts";
import { type ModelSettings, modelText } from "../../pipeline/compare/model-settings.ts";
import { retrievalIdentity } from "../../pipeline/compare/retrieval-identity.ts";
import { summarize } from "../../pipeline/compare/summary.ts";
import { armSettings } from "../../pipeline/compare/train-arm.ts";
import type { Passage } from "../../pipeline/passage.ts";
import { quietWorkspace } from "../../pipeline/quiet-workspace.ts";
import type { Settings } from "../../pipeline/settings.ts";
import { learningRateOf, type QaFile } from "../../ptuning/index.ts";
import { openTinyGenerator, reopenTiny, writeTinyModel } from "../ptuning/tiny-generator.ts";
import { tinyPairs } from "../ptuning/tiny-pairs.ts";
import { openTestStore } from "../retriever/store.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { foreword, killedAt } from "./foreword.ts";
import { settingsOf } from "./settings-of.ts";

const tinyBert = join(import.meta.dirname, "../fixtures/tiny-bert");

const COLOURS = ["red", "green", "blue"];
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) =>
    JSON.stringify({
      id: `pair-${from + i}`,
      input: `Lamp ${from + i}`,
      output: COLOURS[(from + i) % 3],
    }),
  ).join("\n");

const experiment = {
  name: "tiny",
  datasets: [{ name: "lamps", train: "train.jsonl", test: "test.jsonl", trainLimit: 12 }],
  arms: [
    { kind: "majority" },
    { kind: "rag" },
    { kind: "few-shot", examples: 2 },
    {
      kind: "tune",
      name: "rows",
      settings: { method: "prompt-tuning", tokens: 3, epochs: 1, devShare: 0 },
    },
    { kind: "tune", name: "lora", settings: { method: "lora", rank: 2, epochs: 1, devShare: 0 } },
  ],
  tokens: [1, "all"],
  seeds: [1, 2],
};

describe("foreword compare on a tiny model", () => {
  let folder: string;
  let model: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "foreword-compare-"));
    model = join(await writeTinyModel(folder), "..");
    await writeFile(join(folder, "train.jsonl"), lines(0, 30));
    await writeFile(join(folder, "test.jsonl"), lines(30, 36));
    await writeFile(join(folder, "experiment.json"), JSON.stringify(experiment));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const run = (options: Parameters<typeof foreword>[1] = {}) =>
    foreword(
      [
        ...["compare", "experiment.json", "--out", "out", "--json"],
        ...["--model", model, "--cache", "cache"],
      ],
      { cwd: folder, ...options },
    );
  const events = (stdout: string) =>
    stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));

  test("killed in the middle it goes on where it was, and a third run computes nothing", async () => {
    const killed = await run({ environment: killedAt('"done":4,') });
    assert.equal(killed.code, null);
    const second = await run();
    assert.equal(second.code, 0, second.stderr);
    const cells = events(second.stdout).filter(({ event }) => event === "cell");
    assert.equal(cells.length, 1 + 1 + 2 + 2 * 2 + 2);
    assert.ok(cells.slice(0, 4).every(({ known }) => known));
    assert.ok(cells.some(({ known }) => !known));
    assert.deepEqual(await readdir(join(folder, "out/passages")), []);
    const third = await run();
    const known = events(third.stdout).filter(({ event }) => event === "cell");
    assert.ok(known.every((one) => one.known));
    assert.ok(!third.stdout.includes('"event":"training"'));
    assert.deepEqual(events(third.stdout).at(-1), events(second.stdout).at(-1));
  });

  test("an arm trained on inputs is not scored on questions: said before anything is trained", async () => {
    const question = JSON.stringify({ id: "q", question: "Which?", answers: ["red"] });
    await writeFile(join(folder, "questions.jsonl"), `${question}\n`);
    const mixed = { name: "mixed", train: "train.jsonl", test: "questions.jsonl" };
    const datasets = [...experiment.datasets, mixed];
    await writeFile(join(folder, "mixed.json"), JSON.stringify({ ...experiment, datasets }));
    const words = ["compare", "mixed.json", "--out", "mixed", "--json", "--model", model];
    const { code, stdout, stderr } = await foreword([...words, "--cache", "cache"], {
      cwd: folder,
    });
    assert.equal(code, 2);
    assert.match(stderr, /"mixed": .* input pairs \(train\.jsonl\) and question pairs \(questions/);
    assert.doesNotMatch(stdout, /"event":"training"/);
  });

  test("the result says what was trained, what it cost, and intervals over plain RAG", async () => {
    const result = JSON.parse(await readFile(join(folder, "out/result.json"), "utf8"));
    const rows = result.arms.find(
      (one: { arm: string; tokens: unknown }) => one.arm === "rows" && one.tokens === "all",
    );
    assert.equal(rows.seeds, 2);
    assert.equal(rows.training.trainedParameters, 3 * 48);
    assert.equal(rows.training.lossCurves.length, 2);
    assert.ok(rows.training.peakMemoryBytes > 2 ** 26);
    assert.ok(rows.training.promptBytes > 3 * 48 * 4);
    assert.ok(rows.f1OverRag.low <= rows.f1OverRag.mean);
    assert.equal(result.questions.lamps, 6);
    // Of three colours one in three.
    const majority = result.arms.find(({ arm }: { arm: string }) => arm === "majority");
    assert.equal(majority.em.mean.toFixed(1), "33.3");
  });

  test("the reports need nothing else and hold every arm", async () => {
    const html = await readFile(join(folder, "out/report.html"), "utf8");
    assert.doesNotMatch(html, /<script|src=|href=|@import|url\(/);
    assert.match(html, /<svg[^>]*aria-label="F1 by trained parameters"/);
    assert.match(html, /aria-label="F1 by first virtual tokens used"/);
    assert.deepEqual(await readdir(join(folder, "out/plots")), [
      "lamps-loss.svg",
      "lamps-parameters.svg",
      "lamps-tokens.svg",
    ]);
    const markdown = await readFile(join(folder, "out/report.md"), "utf8");
    for (const { name } of experiment.arms.slice(3)) {
      assert.ok(html.includes(name!) && markdown.includes(`| ${name} (2 seeds) |`), name);
    }
  });

  test("every answer of every arm can be read, of each question, as JSON, Markdown and HTML", async () => {
    const lines = (await readFile(join(folder, "out/answers.jsonl"), "utf8")).trim().split("\n");
    const first = JSON.parse(lines[0]!);
    assert.equal(lines.length, 6);
    assert.deepEqual(
      { ...first, answers: first.answers.length },
      {
        dataset: "lamps",
        id: "pair-30",
        question: "Lamp 30",
        accepted: ["red"],
        answers: 1 + 1 + 2 + 2 * 2 + 2,
      },
    );
    const result = JSON.parse(await readFile(join(folder, "out/result.json"), "utf8"));
    const f1s = lines.flatMap((line) =>
      JSON.parse(line)
        .answers.filter(({ arm }: { arm: string }) => arm === "majority")
        .map(({ f1 }: { f1: number }) => f1),
    );
    const majority = result.arms.find(({ arm }: { arm: string }) => arm === "majority");
    assert.equal(f1s.reduce((sum, f1) => sum + f1, 0) / 6, majority.f1.mean);
    const markdown = await readFile(join(folder, "out/answers.md"), "utf8");
    assert.match(
      markdown,
      /^\| question \| accepted \| majority \| rag \| few-shot \| rows \| lora \|$/m,
    );
    assert.match(markdown, /\*\*\w+\*\* \(F1 100\)/);
    const html = await readFile(join(folder, "out/report.html"), "utf8");
    assert.match(html, /<td class="right">/);
    for (let pair = 30; pair < 36; pair += 1) {
      assert.ok(markdown.includes(`| Lamp ${pair} |`) && html.includes(`<td>Lamp ${pair}</td>`));
    }
  });

  test("a damaged cell is named with what to do", async () => {
    const cells = await readdir(join(folder, "out/cells"));
    const [first] = cells.filter((name) => name.startsWith("eval-"));
    await writeFile(join(folder, "out/cells", first!), "{");
    const { code, stderr } = await run();
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`${first}.*damaged.*delete it`));
  });

  test("other test questions are answered without training anew", async () => {
    await writeFile(join(folder, "other.jsonl"), lines(40, 42));
    const datasets = [{ ...experiment.datasets[0], test: "other.jsonl" }];
    await writeFile(join(folder, "other.json"), JSON.stringify({ ...experiment, datasets }));
    const words = ["compare", "other.json", "--out", "out", "--json", "--model", model];
    const { code, stdout, stderr } = await foreword([...words, "--cache", "cache"], {
      cwd: folder,
    });
    assert.equal(code, 0, stderr);
    assert.equal(events(stdout).at(-1).questions.lamps, 2);
    assert.ok(!stdout.includes('"event":"training"'));
  });

  const refused: readonly (readonly [what: string, change: object, message: RegExp])[] = [
    ["an unknown key", { arm: [] }, /"arm"/],
    ["no arms", { arms: [] }, /arms/],
    ["two arms of one name", { arms: [{ kind: "rag" }, { kind: "hand", name: "rag" }] }, /twice/],
    ["a seed twice", { seeds: [1, 0, 0] }, /seeds: 0 comes twice/],
    ["all tokens twice", { tokens: ["all", 1, "all"] }, /tokens: "all" comes twice/],
    ["a number of passages twice", { passages: [1, 1] }, /passages: 1 comes twice/],
    [
      "a setting that the comparison sets",
      { arms: [{ kind: "tune", name: "x", settings: { seed: 3 } }] },
      /arm "x": "seed" is set by the comparison/,
    ],
    [
      "a setting of tune that is wrong",
      { arms: [{ kind: "tune", name: "x", settings: { epochs: -1 } }] },
      /arm "x".*epochs/s,
    ],
  ];
  for (const [what, change, message] of refused) {
    test(`${what} is refused with where it stands`, async () => {
      const path = join(folder, "wrong.json");
      await writeFile(path, JSON.stringify({ ...experiment, ...change }));
      await assert.rejects(readExperiment(path), { code: "config/invalid", message });
    });
  }
});

test("questions are answered from a store, with each number of passages, which has a plot of its own", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-compare-"));
  try {
    const model = join(await writeTinyModel(folder), "..");
    const write = (name: string, lines: readonly object[]) =>
      writeFile(join(folder, name), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    await write(
      "passages.jsonl",
      tinyPairs.map(({ id, answers, document }) => ({
        id,
        title: document,
        text: `The colour of ${id} is ${answers[0]}.`,
      })),
    );
    await write("qa.jsonl", tinyPairs);
    await write("experiment.json", [
      {
        name: "e",
        passages: [1, 2],
        datasets: [{ name: "lamps", train: "qa.jsonl", test: "qa.jsonl", testLimit: 6 }],
        arms: [
          { kind: "rag" },
          { kind: "tune", name: "rows", settings: { method: "prompt-tuning", epochs: 1 } },
        ],
      },
    ]);
    const shared = ["--model", model, "--embedder", tinyBert, "--cache", "cache", "--json"];
    const run = async (...words: string[]) => {
      const { code, stderr } = await foreword([...words, ...shared], { cwd: folder });
      assert.equal(code, 0, stderr);
    };
    await run("ingest", "passages.jsonl", "--store", "stores/lamps");
    await run("compare", "experiment.json", "--out", "out", "--stores", "stores");
    const { arms } = JSON.parse(await readFile(join(folder, "out/result.json"), "utf8"));
    assert.deepEqual(
      arms.map((one: { arm: string; passages: number }) => [one.arm, one.passages]),
      [
        ["rag", 1],
        ["rows", 1],
        ["rag", 2],
        ["rows", 2],
      ],
    );
    const plot = await readFile(join(folder, "out/plots/lamps-passages.svg"), "utf8");
    assert.match(plot, /F1 by passages/);
    assert.equal(plot.match(/<polyline|<path/g)?.length, 2);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a dataset without documents is told before anything is trained, with what to do", async (t) => {
  const folder = temporaryFolder(t);
  const model = join(await writeTinyModel(folder), "..");
  await writeFile(join(folder, "inputs.jsonl"), lines(0, 12));
  await writeFile(join(folder, "qa.jsonl"), tinyPairs.map((one) => JSON.stringify(one)).join("\n"));
  const datasets = [
    { name: "lamps", train: "inputs.jsonl", test: "inputs.jsonl" },
    { name: "asked", train: "qa.jsonl", test: "qa.jsonl" },
  ];
  await writeFile(join(folder, "e.json"), JSON.stringify({ ...experiment, datasets }));
  const shared = ["--model", model, "--embedder", tinyBert, "--cache", "cache", "--json"];
  const compared = (...words: string[]) =>
    foreword(["compare", "e.json", "--out", "out", "--stores", "stores", ...words, ...shared], {
      cwd: folder,
    });
  const requireRefused = async () => {
    const { code, stdout, stderr } = await compared();
    assert.deepEqual([code, stdout], [1, ""], stderr);
    assert.match(stderr, /dataset "asked": there are no documents .* --stores\.\n$/);
  };
  await requireRefused();
  const store = join(folder, "stores/asked");
  const workspace = quietWorkspace(
    settingsOf(folder, { store, embedder: tinyBert }),
    new AbortController().signal,
  );
  await workspace.corpus(true);
  await workspace.close();
  await requireRefused();
  const { stderr } = await compared("--store", "stores/asked");
  assert.match(stderr, /^warning: --store is not used: .* --stores\.\n/);
});

test("what a model writes stays text in a table of Markdown", () => {
  const experimentOf = parsed([1]);
  const pair = { id: "1", question: "a|b\nc", answers: ["<i>*x*</i>"] };
  const comparison = {
    ...{ model: "m", modelSettings: {}, failed: [] },
    questions: new Map([["d", [pair]]]),
    cells: [
      {
        cell: {
          ...{ dataset: experimentOf.datasets[0]!, arm: experimentOf.arms[1]! },
          ...{ seed: 1, passages: 1, tokens: "all" as const },
        },
        answered: { seconds: 1, answers: [{ id: "1", answer: "[z](y) `|`", em: 0, f1: 0 }] },
      },
    ],
  };
  const text = markdownAnswers(summarize(experimentOf, comparison), comparison);
  assert.equal(
    text.trim().split("\n").at(-1),
    "| a\\|b c | \\<i\\>\\*x\\*\\</i\\> | \\[z\\]\\(y\\) \\`\\|\\` (F1 0) |",
  );
});

const parsed = (passages: number[]): Experiment => ({
  name: "x",
  datasets: [{ name: "d", train: "a", test: "b" }],
  arms: [
    { kind: "no-retrieval", name: "no-retrieval" },
    { kind: "rag", name: "rag" },
    { kind: "tune", name: "t", settings: {} },
    { kind: "tune", name: "l", settings: { method: "lora" } },
  ],
  passages,
  tokens: [1, "all"],
  seeds: [1, 2, 3],
});

test("with a seed of its own a dataset gives all trainings the same pairs, without one all it has", () => {
  const pairs = Array.from({ length: 30 }, (_, id) => ({
    id: String(id),
    question: `q${id}`,
    answers: ["a"],
  }));
  const qa: QaFile = { pairs, unanswerable: [], skipped: [], hash: "h" };
  const first = drawnPairs(qa, { trainSeed: 1, trainLimit: 5 }).pairs;
  assert.equal(first.length, 5);
  assert.deepEqual(drawnPairs(qa, { trainSeed: 1, trainLimit: 5 }).pairs, first);
  assert.notDeepEqual(drawnPairs(qa, { trainSeed: 2, trainLimit: 5 }).pairs, first);
  assert.equal(drawnPairs(qa, { trainLimit: 5 }), qa);
});

test("a model's settings are told with its name", () => {
  assert.equal(modelText("m", {}), "m (weights as stored)");
  assert.equal(
    modelText("m", { modelPrecision: "int8", contextLength: 4096 }),
    "m (weights in int8, context of 4096 tokens)",
  );
});

test("a training is known by what it learns from, an evaluation by its test questions too", () => {
  const { datasets, arms } = parsed([1]);
  const arm = arms[2] as TrainingCell["arm"];
  const names = (change: Partial<Dataset>) => {
    const cell = { dataset: { ...datasets[0]!, ...change }, arm, seed: 1 };
    return [
      trainingName(cell, armSettings(cell, 1), ["input"]),
      cellName("eval", { ...cell, passages: 1, tokens: "all" }, ["input"]),
    ] as const;
  };
  const [training, evaluation] = names({});
  const [sameTraining, otherEvaluation] = names({ test: "c", testLimit: 5 });
  assert.equal(sameTraining, training);
  assert.notEqual(otherEvaluation, evaluation);
  for (const change of [{ train: "c" }, { trainLimit: 5 }, { trainSeed: 5 }, { name: "other" }]) {
    assert.notEqual(names(change)[0], training);
  }
  const cell = { dataset: datasets[0]!, arm, seed: 1 };
  const withRate = (learningRate: number) =>
    trainingName(cell, { ...armSettings(cell, 1), learningRate }, ["input"]);
  assert.equal(withRate(learningRateOf(armSettings(cell, 1))), training, "the default, in words");
  assert.notEqual(withRate(0.5), training);
});

test("combinations that would answer the same are run once", () => {
  const cells = evaluationCells(parsed([2, 4]));
  const count = (arm: string) => cells.filter((one) => one.arm.name === arm).length;
  assert.deepEqual([count("no-retrieval"), count("rag"), count("t")], [1, 2, 2 * 2 * 3]);
});

test("seeds are averaged question by question, and differences are paired with plain RAG", () => {
  const experimentOf = parsed([2]);
  const [dataset] = experimentOf.datasets;
  const answer = (f1s: number[]) => ({
    seconds: 1,
    answers: f1s.map((f1, i) => ({ id: String(i), answer: "", em: f1 === 100 ? 100 : 0, f1 })),
  });
  const cell = (arm: number, seed: number) => ({
    dataset: dataset!,
    arm: experimentOf.arms[arm]!,
    seed,
    passages: 2,
    tokens: "all" as const,
  });
  const { arms } = summarize(experimentOf, {
    ...{ model: "m", modelSettings: {}, failed: [] },
    questions: new Map([["d", []]]),
    cells: [
      { cell: cell(1, 1), answered: answer([0, 50]) },
      { cell: cell(2, 1), answered: answer([40, 100]) },
      { cell: cell(2, 2), answered: answer([60, 80]) },
      { cell: { ...cell(2, 1), tokens: 1 }, answered: answer([20, 48]) },
      { cell: cell(3, 1), answered: answer([100, 75]) },
    ],
  });
  const trained = arms.find(({ arm, tokens }) => arm === "t" && tokens === "all")!;
  assert.equal(trained.f1.mean, 70); // (50 + 90) / 2
  assert.equal(trained.em.mean, 25);
  assert.equal(trained.f1OverRag!.mean, 45); // differences 50 and 40
  assert.deepEqual([trained.f1OverRag!.low, trained.f1OverRag!.high], [40, 50]);
  assert.equal(trained.f1OverSeeds, 0); // both seeds have the mean 70
  assert.equal(trained.shareOfLora, 45 / 62.5);
  const first = arms.find(({ arm, tokens }) => arm === "t" && tokens === 1)!;
  assert.equal(first.shareOfAllTokens, 9 / 45); // it gains 20 and -2
});

test("trainings are told as means over seeds, their memory as the largest, their examples as a range", () => {
  const experimentOf = parsed([1]);
  const trained = (
    seed: number,
    examples: number,
    promptBytes: number,
    peakMemoryBytes: number,
  ) => ({
    cell: {
      ...{ dataset: experimentOf.datasets[0]!, arm: experimentOf.arms[2]! },
      ...{ seed, passages: 1, tokens: "all" as const },
    },
    answered: { seconds: 1, answers: [{ id: "1", answer: "a", em: 0, f1: 0 }] },
    trained: {
      ...{ trainedParameters: 1, allParameters: 10, virtualTokens: 1, seconds: 2, steps: 1 },
      ...{ passageSeconds: 0, lossCurve: [1], devCurve: [], dev: null },
      ...{ examples, promptBytes, peakMemoryBytes },
    },
  });
  const summary = summarize(experimentOf, {
    ...{ model: "m", modelSettings: {}, failed: [] },
    questions: new Map([["d", []]]),
    cells: [trained(1, 433, 2048, 5 * 2 ** 20), trained(2, 429, 4096, 4 * 2 ** 20)],
  });
  const { training } = summary.arms[0]!;
  assert.deepEqual(training!.examples, [433, 429]);
  assert.equal(training!.promptBytes, 3072);
  assert.equal(training!.peakMemoryBytes, 5 * 2 ** 20);
  const text = markdownReport(summary);
  assert.match(text, /trained on 429–433 examples/);
  assert.match(text, /peak memory .* largest over seeds/);
  assert.match(text, / 3 KB \|$/m);
});

test("scores are told apart for the questions whose passage was read", () => {
  const experimentOf = parsed([2]);
  const [dataset] = experimentOf.datasets;
  const cellOf = (arm: number, f1s: number[]) => ({
    cell: {
      ...{ dataset: dataset!, arm: experimentOf.arms[arm]! },
      ...{ seed: 1, passages: 2, tokens: "all" as const },
    },
    answered: {
      seconds: 1,
      answers: f1s.map((f1, i) => ({ id: String(i), answer: "", em: f1, f1 })),
    },
  });
  const summaryOf = (retrieved: boolean[]) =>
    summarize(experimentOf, {
      ...{ model: "m", modelSettings: {}, failed: [] },
      questions: new Map([["d", []]]),
      cells: [cellOf(0, [1, 1, 1]), { ...cellOf(1, [0, 100, 50]), retrieved }],
    });
  const summary = summaryOf([false, true, true]);
  const [none, rag] = summary.arms;
  assert.equal(none!.whereRetrieved, undefined);
  assert.equal(rag!.whereRetrieved!.questions, 2);
  assert.deepEqual([rag!.whereRetrieved!.f1.mean, rag!.whereRetrieved!.f1.low], [75, 50]);
  assert.match(markdownReport(summary), /the right one was retrieved for 2/);
  assert.equal(summaryOf([false, false, false]).arms[1]!.whereRetrieved, undefined);
});

test("results are known again only for the passages and model settings they were measured with", async () => {
  const tiny = await openTinyGenerator();
  await writeFile(
    join(tiny.folder, "qa.jsonl"),
    tinyPairs
      .slice(0, 4)
      .map((pair) => JSON.stringify(pair))
      .join("\n"),
  );
  const known = async (retrieval: string, modelSettings: ModelSettings = {}) => {
    const events = compare({
      experiment: {
        name: "e",
        datasets: [{ name: "d", train: "qa.jsonl", test: "qa.jsonl" }],
        arms: [{ kind: "rag", name: "rag" }],
        passages: [1],
        tokens: ["all"],
        seeds: [1],
      },
      outFolder: join(tiny.folder, "out"),
      dataFolder: tiny.folder,
      openGenerator: () => reopenTiny(join(tiny.modelFolder, "model.safetensors"), tiny.folder),
      modelSettings,
      requireStore: async () => {},
      retrieve: async (_, questions) =>
        questions.map(() => [{ ...lampPassage, text: `${retrieval} lamps` }]),
      retrievalOf: async () => retrieval,
      signal: new AbortController().signal,
    });
    for await (const event of events) if (event.event === "cell") return event.known;
    throw new Error("no cell was told of");
  };
  try {
    assert.deepEqual(
      [await known("first"), await known("first"), await known("second")],
      [false, true, false],
    );
    const int4 = { modelPrecision: "int4" } as const;
    assert.deepEqual(
      [await known("first", int4), await known("first", { contextLength: 500 })],
      [false, false],
    );
    assert.deepEqual([await known("first", int4), await known("first")], [true, true]);
  } finally {
    await tiny.close();
  }
});

const lampPassage: Passage = {
  id: 1,
  documentId: "lamps",
  heading: [],
  title: "Lamps",
  source: "lamps.txt",
  start: 0,
  end: 10,
  text: "",
  score: 1,
};

test("a store's documents, embedder and reranking are what its passages depend on", async () => {
  const store = await openTestStore();
  try {
    const settings = { rerank: "none", rerankDepth: 18 } as Settings;
    const identity = (changed: Partial<Settings> = {}) =>
      retrievalIdentity(store.corpus, { ...settings, ...changed });
    await store.put("tides", "High water at noon.");
    const first = identity();
    assert.equal(identity(), first);
    assert.notEqual(identity({ rerank: "likelihood" }), first);
    await store.put("tides", "High water at one.", { hash: "other" });
    assert.notEqual(identity(), first);
  } finally {
    await store.close();
  }
});
