import { RagError } from "../../core/index.ts";
import type { Corpus } from "../corpus/corpus.ts";
import { storeName } from "../corpus/store-name.ts";
import type { Embedder } from "../embedder/embedder.ts";
import { dotProduct } from "../index/dot-product.ts";
import { pickDiverse } from "./diversity.ts";
import { FilterMemory } from "./filtered-chunks.ts";
import { fusionWeights } from "./fusion-weights.ts";
import { IndexKeeper } from "./index-keeper.ts";
import { keywordExpression } from "./keyword-query.ts";
import { withNeighbours } from "./neighbours.ts";
import { requireSearchOptions } from "./option-checks.ts";
import { rerank } from "./rerank.ts";
import { type Fused, fuseRanks, fuseScores, type Scored } from "./score-fusion.ts";
import type { SearchOptions, SearchResult, SearchTimings } from "./search-options.ts";

const DEFAULT_K = 5;
const MAX_K = 1000;
/**
 * The beginning of a query that is searched for. An embedder reads a few hundred tokens, the keyword search 64 words and a reranker a short
 * question: the rest would only be cut into tokens and words, while this thread does nothing else.
 */
export const MAX_QUERY_CHARACTERS = 4000;
/** Each way of searching hands this many candidates, or three times k, to the fusion. */
const CANDIDATES = 100;

interface Found {
  readonly results: SearchResult[];
  readonly denseMs: number;
  readonly keywordMs: number;
}

/** Searches one corpus. It follows changes, its own process's or another's, before every search. */
export class Retriever {
  readonly #folder: string;
  readonly #corpus: Corpus;
  readonly #embedder: Embedder;
  readonly #keeper: IndexKeeper;
  readonly #filters: FilterMemory;

  constructor(folder: string, corpus: Corpus, embedder: Embedder) {
    this.#folder = folder;
    this.#corpus = corpus;
    this.#embedder = embedder;
    this.#keeper = new IndexKeeper(folder, corpus, embedder);
    this.#filters = new FilterMemory(corpus);
  }

  /**
   * The passages that fit a query best, or its first {@link MAX_QUERY_CHARACTERS}.
   * @throws RagError store/empty when nothing was ingested, config/invalid for a filter that is none, or diversity
   * or neighbours out of range
   */
  async search(
    text: string,
    options: SearchOptions = {},
  ): Promise<{ results: SearchResult[]; timings: SearchTimings }> {
    requireSearchOptions(options);
    const started = performance.now();
    const query = beginningOf(text);
    const [vector] = await this.#embedQueries([query], options);
    const embedMs = performance.now() - started;
    const { results, denseMs, keywordMs } = await this.#searchOne(query, vector, options);
    const rerankStarted = performance.now();
    const final = await this.#finish(query, results, options);
    const ended = performance.now();
    const timings = { embedMs, denseMs, keywordMs, rerankMs: ended - rerankStarted };
    return { results: final, timings: { ...timings, totalMs: ended - started } };
  }

  /** Searches for many queries as {@link search} does; they are embedded together, which is quicker. */
  async searchMany(
    texts: readonly string[],
    options: SearchOptions = {},
  ): Promise<SearchResult[][]> {
    requireSearchOptions(options);
    const queries = texts.map(beginningOf);
    const vectors = await this.#embedQueries(queries, options);
    const found: SearchResult[][] = [];
    for (const [index, query] of queries.entries()) {
      options.signal?.throwIfAborted();
      const { results } = await this.#searchOne(query, vectors[index], options);
      found.push(await this.#finish(query, results, options));
    }
    return found;
  }

  /** The chunks closest to a vector of the embedder, f32 [D] of length 1; dense mode without a text. */
  async searchByVector(
    vector: Float32Array,
    options: Omit<SearchOptions, "mode" | "fusion" | "rerank"> = {},
  ): Promise<SearchResult[]> {
    requireSearchOptions(options);
    const { results } = await this.#searchOne("", vector, { ...options, mode: "dense" });
    return this.#finish("", results, options);
  }

  /** Brings the index in line with the database; loads it, or builds it, when there is none yet. */
  async refresh(): Promise<void> {
    await this.#keeper.whole(() => undefined);
  }

  /**
   * Writes the index beside the database, so that the next start need not build it. Only for the one who holds the store's lock.
   * @throws RagError file/write-failed
   */
  async saveIndex(): Promise<void> {
    await this.#keeper.save();
  }

  /** Whether the index was largely built by this process: the next one would have to do that again. */
  get isIndexWorthSaving(): boolean {
    return this.#keeper.isWorthSaving;
  }

  /** Vectors of the queries; none when only keywords are searched. */
  #embedQueries(
    queries: readonly string[],
    { mode, signal }: SearchOptions,
  ): Promise<Float32Array[]> {
    if (mode === "keyword") return Promise.resolve([]);
    return this.#embedder.embed(queries, { kind: "query", signal });
  }

  /** All on one state of the store, so that no result can vanish meanwhile. */
  #searchOne(
    query: string,
    vector: Float32Array | undefined,
    options: SearchOptions,
  ): Promise<Found> {
    return this.#keeper.whole(() => {
      if (this.#keeper.size === 0) {
        throw new RagError(
          "store/empty",
          `${storeName(this.#folder)}: the store holds no documents; run "foreword ingest <files>" first.`,
        );
      }
      return this.#candidates(query, vector, options);
    }, options.signal);
  }

  #candidates(query: string, vector: Float32Array | undefined, options: SearchOptions): Found {
    const { mode = "hybrid", filter } = options;
    const limit = candidateCount(options);
    const denseStarted = performance.now();
    const accepted = filter && this.#filters.chunksOf(filter);
    const dense = vector ? this.#keeper.search(vector, limit, accepted) : [];
    const keywordStarted = performance.now();
    const expression = mode === "dense" ? undefined : keywordExpression(query);
    const keyword =
      expression === undefined
        ? []
        : this.#corpus.matchKeywords(expression, limit, accepted && ((id) => accepted.has(id)));
    const ended = performance.now();
    const weights = fusionWeights(query, this.#embedder);
    const ranked = rankBy(mode, options.fusion, [
      { entries: dense, weight: weights.dense, isCut: dense.length >= limit },
      { entries: keyword, weight: weights.keyword, isCut: keyword.length >= limit },
    ]);
    const chosen = this.#choose(ranked, options);
    return {
      results: this.#describe(chosen, { dense, keyword, vector }),
      denseMs: keywordStarted - denseStarted,
      keywordMs: ended - keywordStarted,
    };
  }

  /** Those that are described: k, or as many as are reranked. */
  #choose(ranked: readonly Fused[], options: SearchOptions): readonly Fused[] {
    const { minScore, rerank: reranking } = options;
    const k = wantedCount(options);
    const passing =
      minScore === undefined ? ranked : ranked.filter(({ score }) => score >= minScore);
    if (reranking) return passing.slice(0, k === 0 ? 0 : Math.max(k, reranking.depth));
    return this.#pick(passing, options);
  }

  /** The best k, or k different ones. */
  #pick<Item extends Fused>(ranked: readonly Item[], options: SearchOptions): readonly Item[] {
    const k = wantedCount(options);
    const { diversity: lambda } = options;
    if (lambda === undefined) return ranked.slice(0, k);
    const vectorOf = (id: number) => this.#corpus.vector(id);
    return pickDiverse(ranked.slice(0, Math.max(CANDIDATES, k)), { k, lambda, vectorOf });
  }

  #describe(
    chosen: readonly Fused[],
    found: {
      readonly dense: Scored["entries"];
      readonly keyword: Scored["entries"];
      readonly vector: Float32Array | undefined;
    },
  ): SearchResult[] {
    const { dense, keyword, vector } = found;
    const denseRanks = new Map(dense.map(({ id }, index) => [id, index + 1]));
    const similarities = new Map(dense.map(({ id, score }) => [id, score]));
    const keywordRanks = new Map(keyword.map(({ id }, index) => [id, index + 1]));
    return chosen.map(({ id, score }) => {
      const chunk = this.#corpus.chunk(id)!;
      const { title, source } = this.#corpus.document(chunk.documentId)!;
      const [denseRank, keywordRank] = [denseRanks.get(id), keywordRanks.get(id)];
      const similarity =
        vector && (similarities.get(id) ?? dotProduct(vector, this.#corpus.vector(id)!));
      return {
        ...chunk,
        title,
        source,
        score,
        ...(similarity === undefined ? {} : { similarity }),
        ...(denseRank === undefined ? {} : { denseRank }),
        ...(keywordRank === undefined ? {} : { keywordRank }),
      };
    });
  }

  async #finish(
    query: string,
    results: readonly SearchResult[],
    options: SearchOptions,
  ): Promise<SearchResult[]> {
    const { neighbours = 0, rerank: reranking, signal } = options;
    const best = reranking
      ? this.#pick(await rerank(query, results, reranking, signal), options)
      : results;
    return neighbours > 0 ? withNeighbours(this.#corpus, best, neighbours) : [...best];
  }
}

const beginningOf = (text: string): string => text.slice(0, MAX_QUERY_CHARACTERS);

function rankBy(
  mode: SearchOptions["mode"],
  fusion: SearchOptions["fusion"],
  [dense, keyword]: readonly [Scored, Scored],
): readonly Fused[] {
  if (mode === "dense") return dense.entries;
  if (mode === "keyword") return keyword.entries;
  return fusion === "rank" ? fuseRanks([dense, keyword]) : fuseScores([dense, keyword]);
}

const wantedCount = ({ k = DEFAULT_K }: SearchOptions): number =>
  Math.min(Math.max(0, Math.floor(k)), MAX_K);

/** How many candidates are looked for. Only what is put together, ranked again or thinned out needs more than k of them. */
function candidateCount(options: SearchOptions): number {
  const { mode = "hybrid", diversity, rerank: reranking } = options;
  const k = wantedCount(options);
  if (mode !== "hybrid" && diversity === undefined && !reranking) return k;
  return Math.max(CANDIDATES, 3 * k);
}

/** Opens a store for searching; loads or builds its index. `folder`: the store's. */
export async function openRetriever(
  folder: string,
  parts: { readonly corpus: Corpus; readonly embedder: Embedder },
): Promise<Retriever> {
  const retriever = new Retriever(folder, parts.corpus, parts.embedder);
  await retriever.refresh();
  return retriever;
}
