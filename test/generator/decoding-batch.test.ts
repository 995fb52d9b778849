import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Engine, type GenerationRequest, GREEDY } from "../../generator/index.ts";
import { openTinyEngine, someIds, type TinyEngine } from "./tiny-engine.ts";

const request = (seed: number, change: Partial<GenerationRequest> = {}): GenerationRequest => ({
  prefixIds: someIds(8 + 7 * seed, seed),
  ids: someIds(3 + seed, seed + 20),
  maxTokens: 12,
  stopIds: [],
  sampling: GREEDY,
  ...change,
});

async function run(engine: Engine, what: GenerationRequest, signal?: AbortSignal) {
  const tokens = engine.generate(what, signal);
  const ids: number[] = [];
  const scores: number[] = [];
  for (;;) {
    const next = await tokens.next();
    if (next.done) return { ids, scores, summary: next.value };
    ids.push(next.value.id);
    scores.push(next.value.logProbability ?? 0);
  }
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise<void>((resolve) => setImmediate(resolve));
}

describe("a batch on the tiny golden model", () => {
  let tiny: TinyEngine;
  let engine: Engine;
  let mixed: GenerationRequest[];
  before(async () => {
    tiny = await openTinyEngine();
    engine = tiny.engine;
    const deep = await engine.deepTokens(someIds(4, 9));
    const other = await engine.deepTokens(someIds(6, 10));
    const rows = engine.embeddings(someIds(5, 11));
    mixed = [
      request(1),
      request(2, { conditioning: deep }),
      request(3, { conditioning: { kind: "virtual", count: 5, rows } }),
      request(4, { conditioning: other }),
      request(4, { conditioning: other, maxTokens: 5 }),
      request(6, { conditioning: deep }),
      request(5, { prefixIds: [], ids: someIds(70, 3) }),
      request(6, { sampling: { temperature: 1.3, topP: 0.9, seed: 4 } }),
      request(7, { sampling: { temperature: 1, topP: 1, topK: 9, seed: 5, presencePenalty: 1 } }),
      request(1),
    ];
  });
  after(() => tiny.close());

  test("mixed prompts and settings give together what each gives alone", async () => {
    const alone = [];
    for (const one of mixed) alone.push(await run(engine, one));
    const together = await Promise.all(mixed.map((one) => run(engine, one)));
    assert.deepEqual(
      together.map(({ ids }) => ids),
      alone.map(({ ids }) => ids),
    );
    assert.deepEqual(together[0]!.ids, together.at(-1)!.ids);
  });

  test("more than are usual together give what each gives alone", async () => {
    const many = [...mixed, ...mixed];
    const wide = await Engine.open(engine.model, { ...tiny.options, maxSequences: many.length });
    try {
      const long = many.map((one) => ({ ...one, maxTokens: 40 }));
      const alone = [];
      for (const one of long) alone.push((await run(engine, one)).ids);
      let most = 0;
      const watch = setInterval(() => {
        most = Math.max(most, wide.load.running);
      }, 0);
      const together = await Promise.all(long.map((one) => run(wide, one)));
      clearInterval(watch);
      assert.deepEqual(
        together.map(({ ids }) => ids),
        alone,
      );
      assert.ok(most > 8, `at most ${most} ran together`);
    } finally {
      await wide.close();
    }
  });

  test("log probabilities move by less than 1e-4 in a batch", async () => {
    const asked = mixed.map((one) => ({ ...one, logProbabilities: true }));
    const alone = [];
    for (const one of asked) alone.push(await run(engine, one));
    const together = await Promise.all(asked.map((one) => run(engine, one)));
    for (const [index, { scores }] of together.entries()) {
      for (const [place, score] of scores.entries()) {
        assert.ok(Math.abs(score - alone[index]!.scores[place]!) < 1e-4, `${index}, ${place}`);
      }
    }
  });

  test("sequences that join late and leave early change none of the others", async () => {
    const { ids } = await run(engine, request(2, { maxTokens: 40 }));
    const tokens = engine.generate(request(2, { maxTokens: 40 }));
    const found: number[] = [];
    const others: Promise<unknown>[] = [];
    for await (const { id } of tokens) {
      found.push(id);
      if (found.length % 4 === 0) {
        const late = request(found.length % 7, { maxTokens: 1 + (found.length % 5) });
        others.push(run(engine, late));
      }
    }
    assert.deepEqual(found, ids);
    await Promise.all(others);
  });

  test("who takes the place of a longer sequence reads nothing that it left there", async () => {
    const short = request(1, { logProbabilities: true });
    const alone = await run(engine, short);
    const other = engine.generate(request(2, { maxTokens: 60 }));
    await other.next();
    await run(engine, request(7, { maxTokens: 3 }));
    const { scores } = await run(engine, short);
    await other.return({} as never);
    for (const [place, score] of scores.entries()) {
      assert.ok(Math.abs(score - alone.scores[place]!) < 1e-4, `${place}`);
    }
  });

  test("more than there is room for wait, and all are answered", async () => {
    const many = Array.from({ length: 20 }, (_, i) => request(i % 7, { maxTokens: 3 + (i % 4) }));
    const running = many.map((one) => run(engine, one));
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, engine.load.running);
    }, 0);
    await until(() => engine.load.waiting === 0);
    const lengths = (await Promise.all(running)).map(({ ids }) => ids.length);
    clearInterval(watch);
    assert.deepEqual(
      lengths,
      many.map(({ maxTokens }) => maxTokens),
    );
    assert.ok(most <= 8, String(most));
  });

  test("a cancelled sequence frees its place at once, and so does one that is left", async () => {
    const controller = new AbortController();
    const cancelled = run(engine, request(1, { maxTokens: 90 }), controller.signal);
    const left = engine.generate(request(2, { maxTokens: 80 }));
    await left.next();
    await until(() => engine.load.running === 2);
    controller.abort();
    await left.return({} as never);
    await assert.rejects(cancelled, { name: "AbortError" });
    await until(() => engine.load.running === 0);
    assert.equal(engine.load.sequenceBytes, 0);
  });

  test("a request is answered that comes in the same moment as one that was cancelled before it began", {
    timeout: 120_000,
  }, async () => {
    const cancelled = engine.generate(request(1), AbortSignal.abort()).next();
    const other = run(engine, request(2, { maxTokens: 3 }));
    await assert.rejects(cancelled, { name: "AbortError" });
    assert.equal((await other).ids.length, 3);
  });

  test("a request whose scores are no numbers fails alone and leaves nothing behind", async () => {
    const { config } = engine.model;
    const size = config.keyValueHeads * 4 * config.headDimension;
    const huge = (every: number) =>
      Array.from({ length: config.layers }, () =>
        Float32Array.from({ length: size }, (_, i) => (i % every === 0 ? -3e38 : 3e38)),
      );
    const conditioning = { kind: "deep" as const, count: 4, keys: huge(3), values: huge(2) };
    const short = request(1, { maxTokens: 30, logProbabilities: true });
    const alone = await run(engine, short);
    const long = request(2, { maxTokens: 60 });
    const { ids } = await run(engine, long);
    const other = run(engine, long);
    const broken: Partial<GenerationRequest>[] = [
      {},
      { logProbabilities: true, topLogProbabilities: 3 },
      { sampling: { temperature: 0.7, topP: 0.9, seed: 1 } },
      { sampling: { temperature: 0, topP: 1, seed: 1, presencePenalty: 1 } },
    ];
    for (const change of broken) {
      const bad = request(7, { conditioning, maxTokens: 6, ...change });
      await assert.rejects(run(engine, bad), {
        code: "engine/failed",
        message: /scores are no numbers.*another learned prompt or another model/,
      });
      const { scores } = await run(engine, { ...short, maxTokens: 8 });
      for (const [place, score] of scores.entries()) {
        assert.ok(Math.abs(score - alone.scores[place]!) < 1e-4, `${place}`);
      }
    }
    assert.deepEqual((await other).ids, ids);
  });

  test("rows of a prompt that are huge reach nobody who takes its place", async () => {
    // Keys of this size give scores that the mask, −1e9, does not hide.
    const { config } = engine.model;
    const size = config.keyValueHeads * 40 * config.headDimension;
    const layers = (value: number) =>
      Array.from({ length: config.layers }, () => new Float32Array(size).fill(value));
    const huge = { kind: "deep" as const, count: 40, keys: layers(1e12), values: layers(0.5) };
    const short = request(1, { prefixIds: [], logProbabilities: true });
    const alone = await run(engine, short);
    const other = engine.generate(request(2, { maxTokens: 60 }));
    await other.next();
    await run(engine, request(1, { conditioning: huge, maxTokens: 3 }));
    const { scores } = await run(engine, short);
    await other.return({} as never);
    for (const [place, score] of scores.entries()) {
      assert.ok(Math.abs(score - alone.scores[place]!) < 1e-4, `${place}`);
    }
  });

  test("a long prompt is read in pieces while another is being answered", async () => {
    const order: string[] = [];
    const tokens = engine.generate(request(1, { prefixIds: [], maxTokens: 30 }));
    await tokens.next();
    const long = engine.generate(
      request(1, { prefixIds: [], ids: someIds(120, 77), maxTokens: 2 }),
    );
    const reading = long.next().then(() => order.push("long"));
    for await (const _ of tokens) order.push("short");
    await reading;
    assert.ok(order.indexOf("long") >= 1, order.join());
  });

  test("prefixes that begin alike are computed once as far as they are alike", async () => {
    const shared = someIds(64, 91);
    const first = await run(engine, request(1, { prefixIds: [...shared, 1, 2] }));
    const second = await run(engine, request(1, { prefixIds: [...shared, 3, 4] }));
    assert.equal(first.summary.cachedTokens, 0);
    assert.equal(second.summary.cachedTokens, 64);
    assert.ok(engine.load.passageCache.bytes > 0);
  });

  test("alternatives are the likeliest tokens with their log probabilities", async () => {
    const asked = request(1, { maxTokens: 1, logProbabilities: true, topLogProbabilities: 20 });
    const { value } = await engine.generate(asked).next();
    assert.ok(value && "id" in value && value.alternatives);
    assert.equal(value.alternatives.length, 20);
    assert.deepEqual(value.alternatives[0], { id: value.id, logProbability: value.logProbability });
    const scores = (await engine.logits([...asked.prefixIds, ...asked.ids])).slice(-160);
    const total = Math.log(scores.reduce((sum, score) => sum + Math.exp(score), 0));
    for (const { id, logProbability } of value.alternatives) {
      assert.ok(Math.abs(scores[id]! - total - logProbability) < 1e-4);
    }
  });

  test("more alternatives than 20 are refused", async () => {
    const asked = request(1, { logProbabilities: true, topLogProbabilities: 21 });
    await assert.rejects(run(engine, asked), { code: "request/invalid", param: "top_logprobs" });
  });
});
