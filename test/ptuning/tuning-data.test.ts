import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { splitPairs } from "../../ptuning/examples.ts";
import {
  parseTuneSettings,
  type QaPair,
  type Retrieve,
  unusedSettings,
} from "../../ptuning/index.ts";
import { prepareData, withoutTooLong } from "../../ptuning/training/tuning-data.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { foundPassage, tinyPairs, tinyRetrieve } from "./tiny-pairs.ts";

describe("what a run learns from", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const prepare = (
    settings: object,
    pairs: readonly QaPair[] = tinyPairs,
    unanswerable: readonly QaPair[] = [],
  ) => {
    const parsed = parseTuneSettings({ tokens: 2, devShare: 0, passages: 3, ...settings }, "test");
    const parts = { generator: tiny.generator, retrieve: tinyRetrieve };
    return prepareData(parsed, parts, { pairs, unanswerable });
  };
  const examplesOf = async (settings: object) => (await prepare(settings)).examplesOf(0);
  const text = (ids: readonly number[]) => tiny.generator.model.tokenizer.decode(ids);
  const passagesIn = (ids: readonly number[]) => text(ids).match(/\[\d+\] /g)?.length ?? 0;

  test("without variation every epoch reads the same", async () => {
    const data = await prepare({});
    assert.deepEqual(data.examplesOf(0), data.examplesOf(3));
    assert.equal(data.count, tinyPairs.length);
    assert.ok(data.examplesOf(0).every(({ prefixIds }) => passagesIn(prefixIds) === 3));
  });

  test("a passage further down that answers is read in place of the last", async () => {
    const lamp = (index: number) => foundPassage(`line-${index}`, `lamp-${index} is lit`);
    const pairs = [0, 1, 2, 3].map((index) => ({
      ...tinyPairs[index]!,
      answers: [index === 3 ? "nowhere" : `lamp-${index}`],
    }));
    // The answer stands first, first, fourth, and nowhere.
    const found = [
      [0, 5, 6, 7],
      [1, 5, 6, 7],
      [5, 6, 7, 2],
      [5, 6, 7, 8],
    ];
    const asked: number[] = [];
    const retrieve: Retrieve = async (questions, count) => {
      asked.push(count);
      return questions.map((question) => {
        const index = pairs.findIndex((pair) => pair.question === question);
        return found[index]!.map(lamp).slice(0, count);
      });
    };
    const settings = parseTuneSettings({ tokens: 2, devShare: 0, passages: 2 }, "test");
    const read = async (some: readonly QaPair[]) => {
      const parts = { generator: tiny.generator, retrieve };
      const data = await prepareData(settings, parts, { pairs: some, unanswerable: [] });
      return data.examplesOf(0).map(({ prefixIds }) =>
        text(prefixIds)
          .match(/lamp-\d/g)!
          .join(),
      );
    };
    assert.deepEqual(await read(pairs), ["lamp-0,lamp-5", "lamp-1,lamp-5", "lamp-5,lamp-2"]);
    assert.deepEqual(asked, [5]);
    const unnamed = pairs.slice(1).map(({ document: _, ...pair }) => pair);
    // Too few stand in what is read: answers are free text, and which passage they are from is not known.
    assert.deepEqual(await read(unnamed), ["lamp-1,lamp-5", "lamp-5,lamp-6", "lamp-5,lamp-6"]);
    // Pairs that name their passages are learned from those, whether the answer stands there or not.
    const named = unnamed.map((pair, index) => ({
      ...pair,
      passageId: `line-${[5, 2, 8][index]}`,
    }));
    assert.deepEqual(await read(named), ["lamp-1,lamp-5", "lamp-5,lamp-2", "lamp-5,lamp-8"]);
    const gone = named.map((pair, index) =>
      index === 0 ? { ...pair, passageId: "line-9" } : pair,
    );
    assert.deepEqual(await read(gone), ["lamp-5,lamp-2", "lamp-5,lamp-8"]);
  });

  test("a template of one's own decides what stands before the virtual tokens", async () => {
    const data = await prepare({ template: "{passages}Q: {question}\n{virtual tokens}A:" });
    for (const { prefixIds, ids } of data.examplesOf(0)) {
      assert.match(text(prefixIds), /\[1\] .*Q: Which colour has lamp \d+\?\n$/s);
      assert.match(text(ids), /^A:/);
    }
  });

  test("a random number of passages lies between its ends, and variants repeat", async () => {
    const data = await prepare({ passagesMin: 1, variants: 2 });
    const counts = [0, 1].flatMap((epoch) =>
      data.examplesOf(epoch).map(({ prefixIds }) => passagesIn(prefixIds)),
    );
    assert.deepEqual([...new Set(counts)].sort(), [1, 2, 3]);
    assert.deepEqual(data.examplesOf(0), data.examplesOf(2));
    assert.notDeepEqual(data.examplesOf(0), data.examplesOf(1));
  });

  test("a random number of passages never leaves out all that hold the answer", async () => {
    const pairs = tinyPairs.slice(0, 4).map((pair) => ({ ...pair, answers: ["lamp-3"] }));
    const lamps = [1, 2, 3].map((index) => foundPassage(`line-${index}`, `lamp-${index} is lit`));
    const retrieve: Retrieve = async (questions) => questions.map(() => lamps);
    const varied = { tokens: 2, devShare: 0, passages: 3, passagesMin: 1, variants: 4 };
    const parts = { generator: tiny.generator, retrieve };
    const questions = { pairs, unanswerable: [] };
    const data = await prepareData(parseTuneSettings(varied, "test"), parts, questions);
    const read = [0, 1, 2, 3].flatMap((epoch) =>
      data.examplesOf(epoch).map(({ prefixIds }) =>
        text(prefixIds)
          .match(/lamp-\d/g)!
          .join(),
      ),
    );
    assert.deepEqual([...new Set(read)].sort(), [
      "lamp-1,lamp-2,lamp-3",
      "lamp-1,lamp-3",
      "lamp-3",
    ]);
  });

  test("shuffled passages are the same ones in another order", async () => {
    const [plain, shuffled] = [await prepare({}), await prepare({ shufflePassages: true })];
    const sorted = (data: typeof plain) =>
      data.examplesOf(0).map(({ prefixIds }) =>
        text(prefixIds)
          .replace(/\[\d+\] /g, "")
          .split("\n\n")
          .map((part) => part.replace(/^.*user\n/s, ""))
          .sort(),
      );
    assert.deepEqual(sorted(shuffled), sorted(plain));
    assert.notDeepEqual(shuffled.examplesOf(0), plain.examplesOf(0));
  });

  test("a share of the examples has passages that do not answer, and learns the end mark alone", async () => {
    const data = await prepare({ unanswerable: 0.25, devShare: 0.25 });
    const { stopIds } = tiny.generator.model;
    const silent = data.examplesOf(0).filter(({ answerIds }) => answerIds.length === 1);
    assert.equal(data.unanswerable, Math.round((data.count - data.unanswerable) / 3));
    assert.equal(silent.length, data.unanswerable);
    for (const { prefixIds, ids, answerIds } of silent) {
      assert.deepEqual(answerIds, [stopIds[0]]);
      const lamp = /lamp (\d+)\?/.exec(text(ids))![1];
      assert.doesNotMatch(text(prefixIds), new RegExp(`lamp-${lamp} `));
    }
    const unanswered = data.dev.filter(({ pair }) => pair.answers.length === 0);
    assert.equal(unanswered.length, Math.round((data.dev.length - unanswered.length) / 3));
    assert.deepEqual(
      await examplesOf({ unanswerable: 0.25 }),
      await examplesOf({ unanswerable: 0.25 }),
    );
  });

  test("questions that have no answer on purpose come first, with what is retrieved for them", async () => {
    const { id: _, answers: __, ...lamp } = tinyPairs[0]!;
    const own = [{ ...lamp, id: "none", answers: [], question: tinyPairs[5]!.question }];
    const data = await prepare({ unanswerable: 0.1 }, tinyPairs.slice(0, 20), own);
    const silent = data.examplesOf(0).filter(({ answerIds }) => answerIds.length === 1);
    assert.equal(silent.length, 2);
    assert.match(text(silent[0]!.ids), /lamp 5\?/);
    assert.match(text(silent[0]!.prefixIds), /lamp-5 /);
  });

  test("an unanswerable question reads the best of another's passages, not the one that answers that other", async () => {
    const pairs = tinyPairs.slice(0, 8).map(({ document: _, ...pair }) => pair);
    const retrieve: Retrieve = async (questions) =>
      questions.map((question) => {
        const { id, answers } = pairs.find((pair) => pair.question === question)!;
        return [foundPassage("fog", `Fog over ${id}`), foundPassage(id, `${id} is ${answers[0]}`)];
      });
    const settings = { devShare: 0, passages: 2, passagesMin: 1, variants: 4, unanswerable: 0.5 };
    const parts = { generator: tiny.generator, retrieve };
    const parsed = parseTuneSettings(settings, "test");
    const data = await prepareData(parsed, parts, { pairs, unanswerable: [] });
    const silent = [0, 1, 2, 3].flatMap((epoch) =>
      data.examplesOf(epoch).filter(({ answerIds }) => answerIds.length === 1),
    );
    const short = silent.filter(({ prefixIds }) => passagesIn(prefixIds) === 1);
    assert.ok(short.length > 0);
    for (const { prefixIds } of short) assert.match(text(prefixIds), /Fog over/);
  });

  test("distractors are passages of other questions among the own ones", async () => {
    const data = await prepare({ distractors: 2 });
    const foreign = data.examplesOf(0).filter(({ prefixIds }, index) => {
      const lamps: readonly string[] = text(prefixIds).match(/lamp-\d+/g) ?? [];
      assert.ok(lamps.includes(tinyPairs[index]!.id));
      return new Set(lamps).size > 1;
    });
    assert.ok(foreign.length > tinyPairs.length / 4);
  });

  test("what changes passages' keys and values reads them among the ids", async () => {
    const [between, lora] = [await prepare({}), await prepare({ method: "lora" })];
    const [a, b] = [between.examplesOf(0)[0]!, lora.examplesOf(0)[0]!];
    assert.deepEqual(b.prefixIds, []);
    assert.deepEqual(b.ids, [...a.prefixIds, ...a.ids]);
  });

  test("repeated pairs are counted and left out; another answer to the question stays", async () => {
    const [first] = tinyPairs;
    const other = { ...first!, id: "other", answers: ["violet"] };
    const data = await prepare({}, [...tinyPairs, { ...first!, id: "again" }, other]);
    assert.equal(data.duplicates, 1);
  });

  test("questions are refused a template for inputs, which would leave them out", async () => {
    await assert.rejects(prepare({ template: "{virtual tokens}{input}" }), {
      code: "config/invalid",
      message: /the pairs are questions/,
    });
  });

  test("questions and inputs that have no room are skipped and named, up to 5% of them", () => {
    const settings = parseTuneSettings({ tokens: 2 }, "test");
    const { generator } = tiny;
    const input: QaPair = { id: "fits", question: "a".repeat(1900), answers: ["b"], task: "input" };
    const article = { ...input, id: "article", question: "a".repeat(9000) };
    const essay = { ...tinyPairs[0]!, id: "essay", question: "a".repeat(1990) };
    const of = (pairs: readonly QaPair[], unanswerable: readonly QaPair[] = []) => ({
      ...{ pairs, unanswerable, skipped: [], hash: "" },
    });
    const many = [...tinyPairs, ...tinyPairs];
    const { qa, skipped } = withoutTooLong(
      settings,
      generator,
      of([article, ...many, input, essay]),
    );
    assert.deepEqual(qa.pairs, [...many, input]);
    const maxTokens = generator.contextLength - 2 - 64;
    assert.equal(skipped?.count, 2);
    const [first, second] = skipped.first;
    assert.deepEqual(first, {
      id: "article",
      tokens: { count: maxTokens, isExact: false },
      maxTokens,
    });
    assert.equal(second!.id, "essay");
    assert.ok(second!.tokens.isExact && second!.tokens.count > 1990);
    assert.equal(withoutTooLong(settings, generator, of(many)).skipped, undefined);
    assert.throws(() => withoutTooLong(settings, generator, of([...tinyPairs, article, essay])), {
      code: "qa/invalid",
      message:
        /2 of 26 are too long .*"article" needs more than \d+ tokens .*"essay" needs \d+.*5%/,
    });
    // Those without an answer are of the training only where it has such examples.
    const silent = { ...article, answers: [] };
    assert.equal(withoutTooLong(settings, generator, of(many, [silent])).skipped, undefined);
    const share = parseTuneSettings({ tokens: 2, unanswerable: 0.2 }, "test");
    const left = withoutTooLong(share, generator, of(many, [silent]));
    assert.deepEqual([left.skipped?.count, left.qa.unanswerable.length], [1, 0]);
  });

  test("a long answer is cut, and then has no end mark", async () => {
    const data = await prepare({ maxAnswerTokens: 3 });
    const { stopIds } = tiny.generator.model;
    const answers = data.examplesOf(0).map(({ answerIds }) => answerIds);
    const cut = answers.filter((ids) => !stopIds.includes(ids.at(-1)!)).map(text);
    assert.deepEqual([...new Set(cut)].sort(), ["blu", "gre", "whi"]);
    const whole = answers.filter((ids) => stopIds.includes(ids.at(-1)!));
    assert.ok(whole.length > 0 && whole.every((ids) => text(ids.slice(0, -1)) === "red"));
  });
});

describe("what is held out", () => {
  const about = (documents: number, each: number): QaPair[] =>
    Array.from({ length: documents * each }, (_, index) => ({
      id: `${index}`,
      question: `What is ${index}?`,
      answers: ["it"],
      passageId: `passage-${Math.floor(index / 5)}`,
      document: `document-${Math.floor(index / each)}`,
    }));
  const split = (pairs: readonly QaPair[]) =>
    splitPairs(pairs, { devShare: 0.1, maxDev: 40, seed: 1 });

  test("is whole documents, where they are small", () => {
    const { train, dev } = split(about(50, 4));
    assert.equal(dev.length, 20);
    assert.equal(train.length, 180);
    const heldOut = new Set(dev.map(({ document }) => document));
    assert.ok(train.every(({ document }) => !heldOut.has(document)));
  });

  for (const [documents, each, held] of [
    [1, 200, 20],
    [2, 100, 20],
    [4, 250, 40],
  ] as const) {
    test(`of ${documents} documents with ${each} questions each, whole passages`, () => {
      const { train, dev } = split(about(documents, each));
      assert.equal(dev.length, held);
      assert.equal(train.length, documents * each - held);
      const heldOut = new Set(dev.map(({ passageId }) => passageId));
      assert.ok(train.every(({ passageId }) => !heldOut.has(passageId)));
    });
  }

  test("of one document whose passages are not known, single questions", () => {
    const pairs = about(1, 30).map(({ passageId: _, ...pair }) => pair);
    const { train, dev } = split(pairs);
    assert.deepEqual([train.length, dev.length], [27, 3]);
  });
});

test("of a few pairs one is held out, of a single one none, and none where nothing is asked to be", () => {
  const few = (count: number): QaPair[] =>
    Array.from({ length: count }, (_, i) => ({ id: `${i}`, question: `${i}?`, answers: ["it"] }));
  const sizes = (count: number, devShare: number) => {
    const { train, dev } = splitPairs(few(count), { devShare, maxDev: 40, seed: 1 });
    return [train.length, dev.length];
  };
  assert.deepEqual(sizes(4, 0.1), [3, 1]);
  assert.deepEqual(sizes(2, 0.1), [1, 1]);
  assert.deepEqual(sizes(1, 0.1), [1, 0]);
  assert.deepEqual(sizes(4, 0), [4, 0]);
});

test("a random number of passages begins at one: no example of a question goes without", () => {
  assert.throws(() => parseTuneSettings({ passages: 3, passagesMin: 0 }, "test"), {
    code: "config/invalid",
    message: /passagesMin: expected at least 1, found 0/,
  });
});

test("settings that a method does not use are named", () => {
  const unused = (raw: Record<string, unknown>) =>
    unusedSettings(raw, parseTuneSettings(raw, "test"));
  assert.deepEqual(unused({ encoder: "lstm" }), [
    "encoder: p-tuning-v2 does not use it; it is of p-tuning.",
  ]);
  assert.equal(unused({ method: "lora", tokens: 3, rank: 4, projection: true }).length, 2);
  assert.match(unused({ passagesMin: 1 })[0]!, /not below passages/);
  assert.deepEqual(unused({ method: "p-tuning", encoder: "mlp", tokens: 3 }), []);
});
