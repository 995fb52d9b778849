import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import { bootstrap } from "../../pipeline/evaluation/intervals.ts";

const arms = (entries: Readonly<Record<string, readonly number[]>>) =>
  new Map(Object.entries(entries));

test("one question has an interval of its own value", () => {
  const { arms: intervals } = bootstrap({ arms: arms({ rag: [40] }), seed: 1 });
  assert.deepEqual(intervals.get("rag"), { mean: 40, low: 40, high: 40 });
});

test("of two questions a resample has the mean 0, 50 or 100 with chances 1/4, 1/2, 1/4", () => {
  // Both ends have more than 2.5%, so the interval is the whole range.
  const { arms: intervals } = bootstrap({ arms: arms({ rag: [0, 100] }), seed: 1 });
  assert.deepEqual(intervals.get("rag"), { mean: 50, low: 0, high: 100 });
});

test("for half right of 400 the interval is the normal one, 50 ± 1.96 · 50/√400", () => {
  const values = Array.from({ length: 400 }, (_, i) => (i % 2) * 100);
  const interval = bootstrap({ arms: arms({ rag: values }), seed: 5 }).arms.get("rag")!;
  assert.equal(interval.mean, 50);
  assert.ok(Math.abs(interval.low - 45.1) < 0.5, String(interval.low));
  assert.ok(Math.abs(interval.high - 54.9) < 0.5, String(interval.high));
});

test("a constant gain has a difference interval of no width, however the arms vary", () => {
  const random = new Random(3);
  const rag = Array.from({ length: 50 }, () => random.integer(100));
  const result = bootstrap({ arms: arms({ rag, learned: rag.map((v) => v + 8) }), seed: 2 });
  const { mean, low, high } = result.difference("learned", "rag");
  for (const value of [mean, low, high]) assert.ok(Math.abs(value - 8) < 1e-9, String(value));
  assert.ok(result.arms.get("rag")!.high - result.arms.get("rag")!.low > 5);
});

test("the same seed gives the same intervals, another seed others", () => {
  const random = new Random(4);
  const values = Array.from({ length: 60 }, () => random.next() * 100);
  const run = (seed: number) => bootstrap({ arms: arms({ rag: values }), seed }).arms.get("rag");
  assert.deepEqual(run(1), run(1));
  assert.notDeepEqual(run(1), run(2));
});

test("arms over different questions are a mistake", () => {
  assert.throws(() => bootstrap({ arms: arms({ a: [1, 2], b: [1] }), seed: 1 }), /questions of b/);
});
