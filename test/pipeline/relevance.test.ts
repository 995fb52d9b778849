import assert from "node:assert/strict";
import { test } from "node:test";
import { relevantPassages } from "../../pipeline/evaluation/relevance.ts";
import { retrievalMetrics } from "../../pipeline/evaluation/retrieval-metrics.ts";

const passage = (id: number, documentId: string, text: string) => ({
  id,
  documentId,
  title: documentId,
  source: `docs/${documentId}.md`,
  start: 0,
  end: text.length,
  heading: [],
  text,
  score: 1,
});
const found = [
  passage(1, "moon", "The moon pulls at the sea."),
  passage(2, "moon", "It has no sea of its own."),
  passage(3, "tides", "High water is at NOON, as a rule."),
];
const pair = { id: "1", question: "When is high water?", answers: ["dusk", "at noon"] };
const recallOf = (...asked: Parameters<typeof relevantPassages>) =>
  retrievalMetrics([relevantPassages(...asked)]);

test("a question that names its document is judged by it; passages of one document count once", () => {
  const { recall, mrr } = recallOf({ ...pair, document: "tides" }, found);
  assert.deepEqual([recall[1], recall[3], mrr], [0, 1, 1 / 2]);
});

test("a question that names nothing is judged by the first passage that holds an answer", () => {
  const { queries, recall, mrr } = recallOf(pair, found);
  assert.deepEqual([queries, recall[1], recall[3], mrr], [1, 0, 1, 1 / 3]);
  const nowhere = recallOf({ ...pair, answers: ["midnight"] }, found);
  assert.deepEqual([nowhere.queries, nowhere.recall[10], nowhere.mrr], [1, 0, 0]);
});

test("inputs and questions without an answer are not judged", () => {
  assert.equal(recallOf({ ...pair, task: "input" }, found).queries, 0);
  assert.equal(recallOf({ ...pair, answers: [] }, found).queries, 0);
});
