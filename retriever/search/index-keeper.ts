import { RagError } from "../../core/index.ts";
import type { Corpus } from "../corpus/corpus.ts";
import { ExactIndex } from "../index/exact-index.ts";
import { HnswIndex } from "../index/hnsw-index.ts";
import { checkSnapshot, loadSnapshot, removeSnapshot, saveSnapshot } from "../index/snapshot.ts";
import type { Neighbour, VectorIndex } from "../index/vector-index.ts";

/** Below this many chunks comparing with every vector is quicker than the graph, and exact. */
const EXACT_BELOW = 2000;
/** A graph with more removed vectors than this is built anew. */
const MAX_REMOVED_SHARE = 0.3;
/** A filter that leaves fewer chunks, or a smaller share, is answered by comparing with each of them. */
const FEW_CHUNKS = 4000;
const FEW_SHARE = 0.1;

/** The vector index of a corpus, kept in line with it. */
export class IndexKeeper {
  readonly #folder: string;
  readonly #corpus: Corpus;
  readonly #key: { readonly embedderId: string; readonly dimension: number };
  #index: VectorIndex = new ExactIndex();
  #indexed = new Set<number>();
  #sequence = -1;
  /** That of the store when its chunks were indexed. */
  #epoch: string | undefined;

  constructor(
    folder: string,
    corpus: Corpus,
    embedder: { readonly id: string; readonly dimension: number },
  ) {
    this.#folder = folder;
    this.#corpus = corpus;
    this.#key = { embedderId: embedder.id, dimension: embedder.dimension };
  }

  /** How many chunks are indexed. */
  get size(): number {
    return this.#indexed.size;
  }

  /** Loads what an earlier process saved, if it is whole; once, before the first {@link IndexKeeper.follow}. */
  async load(): Promise<void> {
    if (this.#sequence >= 0 || this.#corpus.counts().chunks < EXACT_BELOW) return;
    const { epoch, vouched } = this.#corpus.snapshot(() => ({
      epoch: this.#corpus.epoch,
      vouched: this.#corpus.snapshots,
    }));
    const loaded = await loadSnapshot({ folder: this.#folder, key: this.#key }, vouched);
    if (!loaded || this.#sequence >= 0) return;
    this.#epoch = epoch;
    this.#index = loaded;
    this.#indexed = new Set(loaded.ids);
  }

  /**
   * Adds and removes what changed since the last time, by this process or another. Run it and the search that follows on
   * one snapshot of the corpus.
   * @throws RagError store/mismatch when another embedder's vectors have replaced the old ones
   */
  follow(): void {
    const { sequence, epoch } = this.#corpus;
    if (sequence === this.#sequence && epoch === this.#epoch) return;
    const { id } = this.#corpus.embedder;
    if (id !== this.#key.embedderId) {
      throw new RagError(
        "store/mismatch",
        `${this.#folder}: was embedded again by ${id} while it was in use; start again with that embedder.`,
      );
    }
    const wanted = new Set(this.#corpus.chunkIds());
    const isTooLarge = this.#index instanceof ExactIndex && wanted.size >= EXACT_BELOW;
    const isForeign = epoch !== this.#epoch;
    if (isForeign || isTooLarge || this.#willBeSparse(wanted)) this.#startAnew(wanted.size);
    for (const id of this.#indexed) {
      if (wanted.has(id)) continue;
      this.#index.remove(id);
      this.#indexed.delete(id);
    }
    this.#addMissing(wanted);
    this.#sequence = sequence;
    this.#epoch = epoch;
  }

  /** The closest chunks; `accepted`: only these. */
  search(query: Float32Array, k: number, accepted?: readonly number[]): Neighbour[] {
    if (!accepted) return this.#index.search(query, k);
    const isFew = accepted.length <= FEW_CHUNKS || accepted.length < this.#indexed.size * FEW_SHARE;
    if (isFew && this.#index instanceof HnswIndex) return this.#compareWith(accepted, query, k);
    const set = new Set(accepted);
    const found = this.#index.search(query, k, (id) => set.has(id));
    // The graph may end in a region that the filter refuses.
    const isShort = found.length < Math.min(k, accepted.length);
    return isShort && query.every(Number.isFinite) ? this.#compareWith(accepted, query, k) : found;
  }

  /** Writes the index beside the database, so that the next start need not build it. */
  async save(): Promise<void> {
    const index = this.#index;
    if (!(index instanceof HnswIndex)) return removeSnapshot(this.#folder);
    const place = { folder: this.#folder, key: this.#key };
    await saveSnapshot(place, { index, sequence: this.#sequence }, (manifest, inPlace) =>
      this.#corpus.vouchForSnapshot(manifest, inPlace),
    );
  }

  #compareWith(accepted: readonly number[], query: Float32Array, k: number): Neighbour[] {
    const exact = new ExactIndex();
    for (const id of accepted) {
      const vector = this.#corpus.vector(id);
      if (vector) exact.add(id, vector);
    }
    return exact.search(query, k);
  }

  #willBeSparse(wanted: ReadonlySet<number>): boolean {
    if (!(this.#index instanceof HnswIndex)) return false;
    let kept = 0;
    for (const id of this.#indexed) if (wanted.has(id)) kept++;
    return kept < this.#index.stored * (1 - MAX_REMOVED_SHARE);
  }

  #startAnew(size: number): void {
    this.#index = size >= EXACT_BELOW ? HnswIndex.empty(this.#key.dimension) : new ExactIndex();
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
}

/**
 * Builds the index of a store from its database, without removed vectors, and saves it. Call it holding the store's lock.
 * @throws RagError file/write-failed
 */
export async function rebuildIndex(folder: string, corpus: Corpus): Promise<void> {
  const keeper = new IndexKeeper(folder, corpus, corpus.embedder);
  corpus.snapshot(() => keeper.follow());
  await keeper.save();
}

/** What a look at the saved index found; `ok` also where it is only missing, since it is built when it is needed. */
export async function checkSavedIndex(
  folder: string,
  corpus: Corpus,
): Promise<{ readonly ok: boolean; readonly isCurrent: boolean; readonly detail: string }> {
  if (corpus.counts().chunks < EXACT_BELOW) {
    return { ok: true, isCurrent: true, detail: `not needed below ${EXACT_BELOW} passages` };
  }
  const { id: embedderId, dimension } = corpus.embedder;
  const key = { embedderId, dimension };
  const { manifest, problem } = await checkSnapshot({ folder, key }, corpus.snapshots);
  if (problem !== undefined) {
    const advice = 'it is not used; run "foreword reindex" to write it again';
    return { ok: false, isCurrent: false, detail: `${problem}; ${advice}` };
  }
  if (!manifest) return { ok: true, isCurrent: false, detail: "none; built when needed" };
  const isCurrent = manifest.sequence === corpus.sequence;
  return { ok: true, isCurrent, detail: isCurrent ? "whole" : "whole; brought up to date on use" };
}
