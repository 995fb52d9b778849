import { readdirSync } from "node:fs";
import { join } from "node:path";
import hnswlib from "hnswlib-node";
import { Random } from "../../core/index.ts";
import { ExactIndex } from "../../retriever/index/exact-index.ts";
import { loadSnapshot } from "../../retriever/index/snapshot.ts";
import { type Embedder, type Filter, openCorpus, openRetriever } from "../../retriever/index.ts";

const K = 10;
const QUERIES = 100;
/** Queries whose results are held against comparing with every vector. */
const JUDGED = 20;
const ROUNDS = 2;
/** How far, in lengths of a vector, queries stand off stored vectors. */
const QUERY_NOISE = 0.8;

interface Measured {
  readonly name: string;
  /** Chunks that the filter accepts. */
  readonly accepted: number;
  readonly oursMs: number;
  readonly bareMs: number;
  readonly ratio: number;
  /** Recall@10 of ours against comparing with every vector. */
  readonly recall: number;
}

/**
 * Searches of a whole store with the vector given, texts fetched, without and with filters, beside searches of the same graph by hnswlib-node alone with
 * the same candidates and a Set of the accepted ids; processor milliseconds of the median query, the better of two rounds, taken in turns. And the memory of this process before and
 * after the store was opened and searched, before the peer is loaded.
 */
export async function measureStore(store: string, filters: readonly Filter[]): Promise<object> {
  const baseMiB = residentMiB();
  const corpus = openCorpus(store, { create: false });
  try {
    const embedder = strangeEmbedder(corpus.embedder);
    const retriever = await openRetriever(store, { corpus, embedder });
    await retriever.saveIndex();
    const queries = queriesNear([...corpus.chunkIds()], (id) => corpus.vector(id)!);
    for (const query of queries) await retriever.searchByVector(query, { k: K });
    const searchedMiB = residentMiB();
    const key = { embedderId: embedder.id, dimension: embedder.dimension };
    const snapshot = await loadSnapshot({ folder: store, key }, () => corpus.snapshots);
    const efSearch = snapshot?.index.breadth?.value;
    if (efSearch === undefined) throw new Error(`${store}: has too few chunks for a graph`);
    const bare = openBare(store, embedder.dimension, efSearch);
    const exact = new ExactIndex();
    for (const { id, vector } of corpus.vectors()) exact.add(id, vector);
    const results: Measured[] = [];
    for (const filter of [undefined, ...filters]) {
      const ids = new Set(corpus.chunkIds(filter));
      const accept = filter && ((id: number) => ids.has(id));
      const ours = (query: Float32Array) => retriever.searchByVector(query, { k: K, filter });
      const peer = (query: Float32Array) => bare.searchKnn([...query], K, accept);
      const [oursMs, bareMs] = await inTurns(queries, [ours, peer]);
      const name = filter ? JSON.stringify(filter) : "no filter";
      const recall = await recallOf(queries.slice(0, JUDGED), ours, (query) =>
        exact.search(query, K, accept),
      );
      const ratio = oursMs / bareMs;
      results.push({ name, accepted: ids.size, oursMs, bareMs, ratio, recall });
    }
    const { chunks } = corpus.counts();
    const vectorsMiB = (chunks * embedder.dimension * 4) / 2 ** 20;
    const memory = { vectorsMiB, baseMiB, searchedMiB, share: searchedMiB / vectorsMiB };
    return { chunks, efSearch, memory, results };
  } finally {
    corpus.close();
  }
}

function openBare(store: string, dimension: number, efSearch: number) {
  const bare = new hnswlib.HierarchicalNSW("ip", dimension);
  bare.readIndexSync(join(store, readdirSync(store).find((name) => name.endsWith(".hnsw"))!));
  bare.setEf(efSearch);
  return bare;
}

/** Milliseconds of the median query, for each way of searching. */
async function inTurns(
  queries: readonly Float32Array[],
  searches: readonly [Search, Search],
): Promise<[number, number]> {
  const best: [number, number] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, search] of searches.entries()) {
      const times: number[] = [];
      for (const query of queries) {
        const started = process.cpuUsage();
        await search(query);
        const { user, system } = process.cpuUsage(started);
        times.push((user + system) / 1000);
      }
      best[index] = Math.min(best[index]!, times.sort((a, b) => a - b)[times.length >> 1]!);
    }
  }
  return best;
}

async function recallOf(
  queries: readonly Float32Array[],
  ours: (query: Float32Array) => Promise<readonly Identified[]>,
  exact: (query: Float32Array) => readonly Identified[],
): Promise<number> {
  let [hits, wanted] = [0, 0];
  for (const query of queries) {
    const right = new Set(exact(query).map(({ id }) => id));
    hits += (await ours(query)).filter(({ id }) => right.has(id)).length;
    wanted += right.size;
  }
  return hits / wanted;
}

type Identified = { readonly id: number };
type Search = (query: Float32Array) => unknown;

function queriesNear(ids: readonly number[], vectorOf: (id: number) => Float32Array) {
  const random = new Random(3);
  return Array.from({ length: QUERIES }, () => {
    const vector = vectorOf(ids[random.integer(ids.length)]!);
    const moved = vector.map((x) => x + (QUERY_NOISE * random.normal()) / Math.sqrt(vector.length));
    const norm = Math.hypot(...moved);
    return moved.map((x) => x / norm);
  });
}

/** The store's embedder by name only: nothing is embedded here. */
const strangeEmbedder = ({ id, dimension }: Pick<Embedder, "id" | "dimension">): Embedder => ({
  id,
  dimension,
  maxTokens: 254,
  embed: () => Promise.reject(new Error("the bench gives vectors")),
  countTokens: () => 1,
  close: async () => {},
});

const residentMiB = (): number => process.memoryUsage.rss() / 2 ** 20;
