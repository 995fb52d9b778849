import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import { ExactIndex } from "../../retriever/index/exact-index.ts";
import { HnswIndex } from "../../retriever/index/hnsw-index.ts";

const DIMENSION = 96;
const COUNT = 4000;
const random = new Random(11);

const unit = (vector: Float32Array) => {
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
};
const direction = () => unit(Float32Array.from({ length: DIMENSION }, () => random.normal()));

/** Share of the exact ten best that the graph finds. */
function recall(graph: HnswIndex, exact: ExactIndex): number {
  let hits = 0;
  for (let i = 0; i < 50; i++) {
    const query = direction();
    const right = new Set(exact.search(query, 10).map(({ id }) => id));
    hits += graph.search(query, 10).filter(({ id }) => right.has(id)).length;
  }
  return hits / 500;
}

test("random directions, the hardest vectors there are, are found: built, loaded, and with 30% removed", async () => {
  const [graph, exact] = [HnswIndex.empty(DIMENSION), new ExactIndex()];
  for (let id = 0; id < COUNT; id++) {
    const vector = direction();
    graph.add(id, vector);
    exact.add(id, vector);
  }
  assert.ok(recall(graph, exact) >= 0.98);
  const folder = await mkdtemp(join(tmpdir(), "foreword-recall-"));
  try {
    const path = join(folder, "graph");
    graph.write(path);
    const loaded = await HnswIndex.read(path, DIMENSION, graph);
    assert.ok(recall(loaded, exact) >= 0.98);
    for (let id = 0; id < COUNT; id++) {
      if (id % 10 >= 3) continue;
      loaded.remove(id);
      exact.remove(id);
    }
    assert.ok(recall(loaded, exact) >= 0.98);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("vectors that are all alike, or of length zero, are searched without end or error", () => {
  const graph = HnswIndex.empty(DIMENSION);
  for (let id = 0; id < 500; id++) graph.add(id, new Float32Array(DIMENSION).fill(id % 2));
  assert.equal(graph.search(direction(), 10).length, 10);
});
