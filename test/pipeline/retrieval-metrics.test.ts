import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { retrievalMetrics } from "../../pipeline/evaluation/retrieval-metrics.ts";

const grades = (entries: Readonly<Record<string, number>>) => new Map(Object.entries(entries));
const close = (actual: number, expected: number) =>
  assert.ok(Math.abs(actual - expected) < 1e-12, `${actual} ≠ ${expected}`);

test("the only relevant passage at rank 2 gives recall 0 then 1, MRR 1/2, nDCG 1/log2(3)", () => {
  const metrics = retrievalMetrics([{ ranked: ["x", "a", "y"], relevant: grades({ a: 1 }) }]);
  assert.deepEqual(metrics.recall, { 1: 0, 3: 1, 5: 1, 10: 1 });
  assert.equal(metrics.mrr, 0.5);
  close(metrics.ndcg10, 1 / Math.log2(3));
});

test("graded relevance is weighed by rank against the best order", () => {
  const relevant = grades({ a: 3, b: 2, c: 1 });
  const { ndcg10, recall } = retrievalMetrics([{ ranked: ["b", "x", "a"], relevant }]);
  const ideal = 3 + 2 / Math.log2(3) + 1 / 2;
  close(ndcg10, (2 + 3 / 2) / ideal);
  close(recall[3], 2 / 3);
});

test("nDCG looks at ten places, the reciprocal rank at the whole list", () => {
  const ranked = [...Array.from({ length: 10 }, (_, i) => `x${i}`), "a"];
  const metrics = retrievalMetrics([{ ranked, relevant: grades({ a: 1 }) }]);
  assert.equal(metrics.ndcg10, 0);
  assert.equal(metrics.recall[10], 0);
  close(metrics.mrr, 1 / 11);
});

test("an id that comes twice counts once, at its first place", () => {
  const { recall, mrr, ndcg10 } = retrievalMetrics([
    { ranked: ["x", "x", "a", "a"], relevant: grades({ a: 1 }) },
  ]);
  assert.equal(recall[3], 1);
  assert.equal(mrr, 0.5);
  close(ndcg10, 1 / Math.log2(3));
});

test("means are over queries with a relevant id; nothing found counts 0", () => {
  const metrics = retrievalMetrics([
    { ranked: ["a"], relevant: grades({ a: 1 }) },
    { ranked: [], relevant: grades({ b: 1 }) },
    { ranked: ["c"], relevant: grades({}) },
  ]);
  assert.deepEqual(metrics, {
    queries: 2,
    recall: { 1: 0.5, 3: 0.5, 5: 0.5, 10: 0.5 },
    mrr: 0.5,
    ndcg10: 0.5,
  });
  assert.equal(retrievalMetrics([]).mrr, 0);
});

test("40 made-up rankings score as ir-measures scores them", () => {
  const path = join(import.meta.dirname, "../fixtures/retrieval-metrics/ir-measures.json");
  const recorded: {
    readonly queries: readonly {
      readonly ranked: readonly string[];
      readonly relevant: Readonly<Record<string, number>>;
    }[];
    readonly means: Readonly<Record<string, number>>;
  } = JSON.parse(readFileSync(path, "utf8"));
  const { recall, mrr, ndcg10 } = retrievalMetrics(
    recorded.queries.map(({ ranked, relevant }) => ({ ranked, relevant: grades(relevant) })),
  );
  const found = {
    recall1: recall[1],
    recall3: recall[3],
    recall5: recall[5],
    recall10: recall[10],
    mrr,
    ndcg10,
  };
  for (const [name, value] of Object.entries(found)) close(value, recorded.means[name]!);
});
