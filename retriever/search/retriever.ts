import { RagError } from "../../core/index.ts";
import type { Corpus } from "../corpus/corpus.ts";
import type { DocumentRecord } from "../corpus/records.ts";
import type { Embedder } from "../embedder/embedder.ts";
import { ExactIndex } from "../index/exact-index.ts";
import { HnswIndex } from "../index/hnsw-index.ts";
import { loadSnapshot, saveSnapshot } from "../index/snapshot.ts";
import type { VectorIndex } from "../index/vector-index.ts";
import { keywordExpression } from "./keyword-query.ts";
import { fuseRankings } from "./rank-fusion.ts";

export type SearchMode = "hybrid" | "dense" | "keyword";

export interface SearchOptions {
  /** How many results at most. Default 5. */
  readonly k?: number;
  readonly mode?: SearchMode;
  /** Only chunks of documents that have all these values: `source`, `format`, `title`, `document` (the id) or a metadata key. */
  readonly filter?: Readonly<Record<string, string | number | boolean>>;
  readonly signal?: AbortSignal | undefined;
}

export interface SearchResult {
  /** The chunk's id. */
  readonly id: number;
  readonly documentId: string;
  readonly title: string;
  readonly source: string;
  readonly page?: number;
  /** UTF-16 offsets into the document's text. */
  readonly start: number;
  readonly end: number;
  readonly heading: readonly string[];
  readonly text: string;
  /** Fused rank score in hybrid mode, cosine similarity in dense mode, 1 / rank in keyword mode. */
  readonly score: number;
  /** From 1; absent where it was not among the candidates. */
  readonly denseRank?: number;
  readonly keywordRank?: number;
}

export interface SearchTimings {
  readonly embedMs: number;
  readonly denseMs: number;
  readonly keywordMs: number;
  readonly totalMs: number;
}

const DEFAULT_K = 5;
const MAX_K = 1000;
/** Each way of searching hands this many candidates, or three times k, to the fusion. */
const CANDIDATES = 50;
/** Below this many chunks comparing with every vector is quicker than the graph, and exact. */
const EXACT_BELOW = 2000;
/** A graph with more removed vectors than this is built anew. */
const MAX_REMOVED_SHARE = 0.3;
const WEIGHTS = { dense: 1, keyword: 1 };

/** Searches one corpus. It follows changes, its own process's or another's, before every search. */
export class Retriever {
  readonly #folder: string;
  readonly #corpus: Corpus;
  readonly #embedder: Embedder;
  #index: VectorIndex = new ExactIndex();
  #indexed = new Set<number>();
  #sequence = -1;

  constructor(folder: string, corpus: Corpus, embedder: Embedder) {
    this.#folder = folder;
    this.#corpus = corpus;
    this.#embedder = embedder;
  }

  /**
   * The passages that fit a query best.
   * @throws RagError store/empty when nothing was ingested
   */
  async search(
    query: string,
    options: SearchOptions = {},
  ): Promise<{ results: SearchResult[]; timings: SearchTimings }> {
    const started = performance.now();
    const vectors = await this.#embedQueries([query], options);
    const embedMs = performance.now() - started;
    await this.refresh();
    return this.#searchOne(query, vectors[0], { options, started, embedMs });
  }

  /** Searches for many queries; they are embedded together, which is quicker. */
  async searchMany(
    queries: readonly string[],
    options: SearchOptions = {},
  ): Promise<SearchResult[][]> {
    const vectors = await this.#embedQueries(queries, options);
    await this.refresh();
    return queries.map((query, index) => {
      options.signal?.throwIfAborted();
      const started = performance.now();
      return this.#searchOne(query, vectors[index], { options, started, embedMs: 0 }).results;
    });
  }

  /** Brings the index in line with the database; loads it, or builds it, when there is none yet. */
  async refresh(): Promise<void> {
    const { sequence } = this.#corpus;
    if (sequence === this.#sequence) return;
    const wanted = new Set(this.#corpus.chunkIds());
    if (this.#sequence < 0 && wanted.size >= EXACT_BELOW) await this.#load();
    const isTooLarge = this.#index instanceof ExactIndex && wanted.size >= EXACT_BELOW;
    if (isTooLarge || this.#removedShare() > MAX_REMOVED_SHARE) this.#startAnew(wanted.size);
    for (const id of this.#indexed) {
      if (wanted.has(id)) continue;
      this.#index.remove(id);
      this.#indexed.delete(id);
    }
    this.#addMissing(wanted);
    this.#sequence = sequence;
  }

  /** Writes the index beside the database, so that the next start need not build it. */
  async saveIndex(): Promise<void> {
    await this.refresh();
    if (!(this.#index instanceof HnswIndex)) return;
    await saveSnapshot(this.#folder, this.#index, this.#key());
  }

  /** Vectors of the queries; none when only keywords are searched. */
  #embedQueries(
    queries: readonly string[],
    { mode, signal }: SearchOptions,
  ): Promise<Float32Array[]> {
    if (mode === "keyword") return Promise.resolve([]);
    return this.#embedder.embed(queries, { kind: "query", signal });
  }

  #key() {
    return { embedderId: this.#embedder.id, dimension: this.#embedder.dimension };
  }

  async #load(): Promise<void> {
    const loaded = await loadSnapshot(this.#folder, this.#key());
    if (!loaded) return;
    this.#index = loaded;
    this.#indexed = new Set(loaded.ids);
  }

  #removedShare(): number {
    return this.#index instanceof HnswIndex ? this.#index.removedShare : 0;
  }

  #startAnew(size: number): void {
    this.#index =
      size >= EXACT_BELOW ? HnswIndex.empty(this.#embedder.dimension) : new ExactIndex();
    this.#indexed = new Set();
  }

  #addMissing(wanted: ReadonlySet<number>): void {
    const missing = [...wanted].filter((id) => !this.#indexed.has(id));
    // One pass over the table is quicker than many look-ups, once most rows are wanted.
    const rows =
      missing.length * 2 > wanted.size
        ? this.#corpus.vectors()
        : missing.map((id) => ({ id, vector: this.#corpus.vector(id)! }));
    for (const { id, vector } of rows) {
      if (this.#indexed.has(id) || !wanted.has(id)) continue;
      this.#index.add(id, vector);
      this.#indexed.add(id);
    }
  }

  #searchOne(
    query: string,
    vector: Float32Array | undefined,
    run: { readonly options: SearchOptions; readonly started: number; readonly embedMs: number },
  ): { results: SearchResult[]; timings: SearchTimings } {
    const { options, started, embedMs } = run;
    if (this.#indexed.size === 0) {
      throw new RagError(
        "store/empty",
        `${this.#folder}: the store holds no documents; run "foreword ingest <files>" first.`,
      );
    }
    const k = Math.min(options.k ?? DEFAULT_K, MAX_K);
    const candidates = Math.max(CANDIDATES, 3 * k);
    const accept = this.#filter(options.filter);
    const denseStarted = performance.now();
    const dense = vector ? this.#index.search(vector, candidates, accept) : [];
    const keywordStarted = performance.now();
    const keyword = this.#keywordSearch(query, options.mode ?? "hybrid", candidates, accept);
    const ended = performance.now();
    const ranked =
      options.mode === "dense"
        ? dense
        : fuseRankings([
            { ids: dense.map(({ id }) => id), weight: WEIGHTS.dense },
            { ids: keyword, weight: WEIGHTS.keyword },
          ]);
    const denseRanks = new Map(dense.map(({ id }, index) => [id, index + 1]));
    const keywordRanks = new Map(keyword.map((id, index) => [id, index + 1]));
    const results = ranked.slice(0, k).map(({ id, score }) => {
      const [denseRank, keywordRank] = [denseRanks.get(id), keywordRanks.get(id)];
      return {
        ...this.#describe(id),
        score,
        ...(denseRank === undefined ? {} : { denseRank }),
        ...(keywordRank === undefined ? {} : { keywordRank }),
      };
    });
    return {
      results,
      timings: {
        embedMs,
        denseMs: keywordStarted - denseStarted,
        keywordMs: ended - keywordStarted,
        totalMs: performance.now() - started,
      },
    };
  }

  #keywordSearch(
    query: string,
    mode: SearchMode,
    limit: number,
    accept?: (id: number) => boolean,
  ): number[] {
    const expression = mode === "dense" ? undefined : keywordExpression(query);
    if (expression === undefined) return [];
    if (!accept) return this.#corpus.matchKeywords(expression, limit);
    // A filter may refuse the first matches, so all are asked for.
    return this.#corpus
      .matchKeywords(expression, this.#indexed.size)
      .filter(accept)
      .slice(0, limit);
  }

  /** A test for chunk ids, from the documents that pass. */
  #filter(filter: SearchOptions["filter"]): ((id: number) => boolean) | undefined {
    if (!filter || Object.keys(filter).length === 0) return undefined;
    const passes = (document: DocumentRecord) =>
      Object.entries(filter).every(([key, value]) => metadataValue(document, key) === value);
    const accepted = new Set<number>();
    for (const document of this.#corpus.documents()) {
      if (!passes(document)) continue;
      for (const { id } of this.#corpus.chunksOf(document.id)) accepted.add(id);
    }
    return (id) => accepted.has(id);
  }

  #describe(id: number): Omit<SearchResult, "score"> {
    const chunk = this.#corpus.chunk(id)!;
    const { title, source } = this.#corpus.document(chunk.documentId)!;
    return { ...chunk, title, source };
  }
}

function metadataValue(
  document: DocumentRecord,
  key: string,
): string | number | boolean | undefined {
  switch (key) {
    case "document":
      return document.id;
    case "source":
    case "format":
    case "title":
      return document[key];
    default:
      return document.metadata[key];
  }
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
