import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Engine, type GenerationRequest, GREEDY } from "../../generator/index.ts";
import { largestDifference } from "../parity/check.ts";
import { openTinyEngine, someIds, type TinyEngine } from "./tiny-engine.ts";

const request = (change: Partial<GenerationRequest> = {}): GenerationRequest => ({
  prefixIds: someIds(20),
  ids: someIds(6, 2),
  maxTokens: 10,
  stopIds: [],
  sampling: GREEDY,
  ...change,
});

async function run(engine: Engine, what: GenerationRequest) {
  const tokens = engine.generate(what);
  const ids: number[] = [];
  const logProbabilities: (number | undefined)[] = [];
  for (;;) {
    const next = await tokens.next();
    if (next.done) return { ids, logProbabilities, summary: next.value };
    ids.push(next.value.id);
    logProbabilities.push(next.value.logProbability);
  }
}

describe("the engine on the tiny golden model", () => {
  let tiny: TinyEngine;
  let engine: Engine;
  before(async () => {
    tiny = await openTinyEngine();
    engine = tiny.engine;
  });
  after(() => tiny.close());

  test("a text behind prefixes is scored as the same text read as a whole", async () => {
    const ids = someIds(5, 3);
    const prefixes = [someIds(70, 4), someIds(1, 5), [...someIds(64, 4), ...someIds(9, 6)]];
    const means = await engine.scoreBehind({ prefixes, ids });
    assert.equal(means.length, 3);
    for (const [index, prefix] of prefixes.entries()) {
      const whole = await engine.scorePrompt([...prefix, ...ids], 0);
      const own = whole.slice(prefix.length + 1).map(({ logProbability }) => logProbability);
      const mean = own.reduce((sum, one) => sum + one, 0) / own.length;
      assert.ok(Math.abs(means[index]! - mean) < 1e-4, `${index}: ${means[index]} and ${mean}`);
    }
    assert.deepEqual(await engine.scoreBehind({ prefixes: [], ids }), []);
  });

  test("prefixes that were scored are kept for answers", async () => {
    const prefixIds = someIds(64, 11);
    const before = engine.load.passageCache;
    await engine.scoreBehind({ prefixes: [prefixIds, prefixIds], ids: someIds(3) });
    const after = engine.load.passageCache;
    assert.equal(after.missedTokens - before.missedTokens, 64);
    assert.equal(after.hitTokens - before.hitTokens, 64);
    const { summary } = await run(engine, request({ prefixIds }));
    assert.equal(summary.cachedTokens, 64);
  });

  test("scoring stops when it is aborted, and refuses what does not fit", async () => {
    const controller = new AbortController();
    controller.abort();
    const prefixes = [someIds(30, 12)];
    await assert.rejects(engine.scoreBehind({ prefixes, ids: someIds(3) }, controller.signal), {
      name: "AbortError",
    });
    await assert.rejects(engine.scoreBehind({ prefixes, ids: someIds(99) }), {
      code: "context/overflow",
    });
  });

  test("cached decoding gives the ids that running everything again gives", async () => {
    const { ids } = await run(engine, request());
    const uncached: number[] = [];
    const prompt = [...request().prefixIds, ...request().ids];
    for (let i = 0; i < 10; i++) {
      const scores = (await engine.logits([...prompt, ...uncached])).slice(-160);
      uncached.push(scores.indexOf(Math.max(...scores)));
    }
    assert.deepEqual(ids, uncached);
  });

  test("scores behind a cached prefix equal scores of the whole", async () => {
    const [prefixIds, ids] = [someIds(30, 3), someIds(7, 4)];
    const whole = await engine.logits([...prefixIds, ...ids]);
    const behind = await engine.logits(ids, { prefixIds });
    assert.ok(largestDifference(behind, whole.slice(-behind.length)) < 1e-5);
  });

  test("a prefix that comes again is not computed again, and changes nothing", async () => {
    const prefixIds = someIds(25, 5);
    const first = await run(engine, request({ prefixIds }));
    const second = await run(engine, request({ prefixIds }));
    assert.equal(first.summary.cachedTokens, 0);
    assert.equal(second.summary.cachedTokens, 25);
    assert.deepEqual(second.ids, first.ids);
    assert.equal(second.summary.promptTokens, 31);
  });

  test("an answer is the same to the last bit, whatever was asked about the same passages before", async () => {
    const prefixIds = someIds(90, 31);
    const asked = request({ prefixIds, ids: someIds(9, 8), logProbabilities: true });
    const fresh = await openTinyEngine();
    const first = await run(fresh.engine, asked);
    await fresh.close();
    for (const length of [1, 4, 12]) {
      const other = await openTinyEngine();
      await run(other.engine, request({ prefixIds, ids: someIds(length, 7) }));
      const second = await run(other.engine, asked);
      await other.close();
      assert.equal(second.summary.cachedTokens, 90);
      assert.deepEqual(second.logProbabilities, first.logProbabilities);
    }
  });

  test("virtual tokens that are the embeddings of a text act as that text", async () => {
    const text = someIds(5, 6);
    const rows = engine.embeddings(text);
    const conditioning = { kind: "virtual" as const, count: 5, rows };
    const learned = await run(engine, request({ conditioning }));
    const typed = await run(engine, request({ ids: [...text, ...request().ids] }));
    assert.deepEqual(learned.ids, typed.ids);
    assert.equal(learned.summary.promptTokens, typed.summary.promptTokens);
  });

  test("deep tokens made from a text in front of nothing act as that text", async () => {
    const text = someIds(5, 7);
    const conditioning = await engine.deepTokens(text);
    const learned = await run(engine, request({ prefixIds: [], conditioning }));
    const typed = await run(engine, request({ prefixIds: [], ids: [...text, ...request().ids] }));
    assert.deepEqual(learned.ids, typed.ids);
  });

  test("without a learned prompt the scores are the same bits before and after one was used", async () => {
    const ids = someIds(12, 8);
    const before = await engine.logits(ids);
    const conditioning = await engine.deepTokens(someIds(4, 9));
    await run(engine, request({ conditioning }));
    assert.deepEqual(await engine.logits(ids), before);
  });

  test("generation ends at a stop id, which is not part of the answer", async () => {
    const { ids } = await run(engine, request());
    const stop = ids[3]!;
    const stopped = await run(engine, request({ stopIds: [stop] }));
    assert.deepEqual(stopped.ids, ids.slice(0, ids.indexOf(stop)));
    assert.equal(stopped.summary.finishReason, "stop");
    assert.equal((await run(engine, request())).summary.finishReason, "length");
  });

  test("sampling repeats with its seed and differs without", async () => {
    const sample = (seed: number) =>
      run(engine, request({ sampling: { temperature: 1.5, topP: 0.95, seed } }));
    assert.deepEqual((await sample(1)).ids, (await sample(1)).ids);
    assert.notDeepEqual((await sample(1)).ids, (await sample(2)).ids);
  });

  test("log probabilities are those of the scores", async () => {
    const { ids, logProbabilities } = await run(engine, request({ logProbabilities: true }));
    const scores = (await engine.logits([...request().prefixIds, ...request().ids])).slice(-160);
    const total = scores.reduce((sum, score) => sum + Math.exp(score), 0);
    assert.ok(Math.abs(logProbabilities[0]! - (scores[ids[0]!]! - Math.log(total))) < 1e-4);
  });

  test("a prompt that does not fit is refused with both numbers", async () => {
    const tooLong = run(engine, request({ prefixIds: someIds(120), maxTokens: 20 }));
    await assert.rejects(tooLong, { code: "context/overflow", message: /126 tokens.*20.*128/ });
  });

  test("an empty question is refused", async () => {
    await assert.rejects(run(engine, request({ ids: [] })), { code: "request/invalid" });
  });

  test("an abort stops before the next token", async () => {
    const controller = new AbortController();
    const tokens = engine.generate(request({ maxTokens: 50 }), controller.signal);
    await tokens.next();
    controller.abort();
    await assert.rejects(tokens.next(), { name: "AbortError" });
  });
});
