import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import { ExactIndex } from "../../retriever/index/exact-index.ts";
import { HnswIndex } from "../../retriever/index/hnsw-index.ts";
import { openCorpus } from "../../retriever/index.ts";
import { describeMachine } from "../machine.ts";
import type { BenchOptions, BenchResult } from "../main.ts";
import { measureStore } from "./store-search.ts";

const DIMENSION = 384;
const QUERIES = 100;
const K = 10;
const REMOVED_SHARE = 0.3;
/** How far, in lengths of a vector, copies of stored vectors and queries are moved. */
const COPY_NOISE = 0.5;
const QUERY_NOISE = 0.8;

interface VectorSet {
  readonly name: string;
  readonly vectors: readonly Float32Array[];
  readonly queries: readonly Float32Array[];
}

/**
 * Recall@10 of the graph against comparing with every vector, at default settings: when built, after loading, after 30% were removed; seconds
 * of processor time, size; with `--data STORE` also searches of that store (`--filter JSON`, any number). On random directions, and with `--data STORE` on the vectors of a store, moved a little until there are enough (`--count`, 100,000).
 */
export async function bench({ data, count, filters, say }: BenchOptions): Promise<BenchResult> {
  const results: object[] = [];
  const store =
    data &&
    (await measureStore(
      data,
      filters.map((one) => JSON.parse(one)),
    ));
  if (data) results.push(await measure(real(data, count), say));
  results.push(await measure(randomDirections(count), say));
  const setting = { vectors: count, dimension: DIMENSION, queries: QUERIES, k: K };
  const result = {
    machine: describeMachine(),
    measure: "processor milliseconds",
    setting,
    ...(store ? { store } : {}),
    results,
  };
  return { lines: [JSON.stringify(result, null, 2)], result };
}

async function measure(set: VectorSet, say: (line: string) => void): Promise<object> {
  say(`${set.name}: building`);
  const exact = new ExactIndex();
  for (const [id, vector] of set.vectors.entries()) exact.add(id, vector);
  const built = HnswIndex.empty(DIMENSION);
  const started = processorMs();
  for (const [id, vector] of set.vectors.entries()) built.add(id, vector);
  const buildSeconds = (processorMs() - started) / 1000;
  say(`${set.name}: searching`);
  const fresh = compare(built, exact, set.queries);
  const { loaded, graphMiB } = await saveAndLoad(built);
  const afterLoad = compare(loaded, exact, set.queries);
  for (const id of set.vectors.keys()) {
    if ((id * 7919) % 10 >= REMOVED_SHARE * 10) continue;
    loaded.remove(id);
    exact.remove(id);
  }
  const afterDeletes = compare(loaded, exact, set.queries);
  return { name: set.name, buildSeconds, graphMiB, fresh, afterLoad, afterDeletes };
}

/** Recall, and milliseconds a query; the first search, which chooses efSearch, by itself. */
function compare(graph: HnswIndex, exact: ExactIndex, queries: readonly Float32Array[]) {
  const first = processorMs();
  graph.search(queries[0]!, K);
  const firstMs = processorMs() - first;
  const began = processorMs();
  const found = queries.map((query) => graph.search(query, K));
  const middle = processorMs();
  const wanted = queries.map((query) => exact.search(query, K));
  const exactMs = (processorMs() - middle) / queries.length;
  const hits = found.map((list, index) => {
    const right = new Set(wanted[index]!.map(({ id }) => id));
    return list.filter(({ id }) => right.has(id)).length;
  });
  const recall = hits.reduce((sum, hit) => sum + hit, 0) / (K * queries.length);
  return { recall, queryMs: (middle - began) / queries.length, exactMs, firstMs };
}

/** The graph as a file holds it is what it takes in memory, too. */
async function saveAndLoad(index: HnswIndex) {
  const folder = await mkdtemp(join(tmpdir(), "foreword-bench-index-"));
  try {
    const path = join(folder, "index.hnsw");
    index.write(path);
    const graphMiB = (await stat(path)).size / 2 ** 20;
    return { loaded: await HnswIndex.read(path, DIMENSION, index), graphMiB };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function randomDirections(count: number): VectorSet {
  const random = new Random(1);
  const draw = () => unit(Float32Array.from({ length: DIMENSION }, () => random.normal()));
  const vectors = Array.from({ length: count }, draw);
  return { name: "random", vectors, queries: Array.from({ length: QUERIES }, draw) };
}

function real(store: string, count: number): VectorSet {
  const random = new Random(2);
  const corpus = openCorpus(store, { create: false });
  const base = [...corpus.vectors()].map(({ vector }) => vector);
  corpus.close();
  const near = (vector: Float32Array, noise: number) =>
    unit(vector.map((x) => x + (noise * random.normal()) / Math.sqrt(DIMENSION)));
  const vectors = Array.from({ length: count }, (_, i) =>
    i < base.length ? base[i]! : near(base[i % base.length]!, COPY_NOISE),
  );
  const queries = Array.from({ length: QUERIES }, () =>
    near(base[random.integer(base.length)]!, QUERY_NOISE),
  );
  return { name: "stored", vectors, queries };
}

function unit(vector: Float32Array): Float32Array {
  const norm = Math.hypot(...vector);
  return vector.map((x) => x / norm);
}

function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
