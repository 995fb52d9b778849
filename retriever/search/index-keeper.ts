import { setImmediate } from "node:timers/promises";
import type { Corpus } from "../corpus/corpus.ts";
import { embedderChanged } from "../corpus/embedder-changed.ts";
import { storeName } from "../corpus/store-name.ts";
import { ExactIndex } from "../index/exact-index.ts";
import { HnswIndex } from "../index/hnsw-index.ts";
import { IdSet } from "../index/id-set.ts";
import { checkSnapshot, loadSnapshot, removeSnapshot, saveSnapshot } from "../index/snapshot.ts";
import type { Neighbour, VectorIndex } from "../index/vector-index.ts";
import type { FilteredChunks } from "./filtered-chunks.ts";

/** Below this many chunks comparing with every vector is quicker than the graph, and exact. */
const EXACT_BELOW = 2000;
/** A graph with more removed vectors than this is built anew. */
const MAX_REMOVED_SHARE = 0.3;
/** A filter that leaves no more chunks is answered by comparing with each of them; also one that leaves the graph little to walk on. */
const FEW_CHUNKS = 4000;
const FEW_SQUARED_SHARE = 16;
/** The longest that the thread is kept from its other work while the index is built. */
const STEP_MS = 10;
/** With more chunks to add, a look at the index that others have saved may save the work. */
const MANY_MISSING = 1000;

/** What the index lacks to agree with a state of the store. */
interface Gap {
  readonly sequence: number;
  readonly epoch: string;
  readonly missing: readonly number[];
  /** How many of these were added. */
  done: number;
}

/** The vector index of a corpus, kept in line with it. */
export class IndexKeeper {
  readonly #folder: string;
  readonly #corpus: Corpus;
  readonly #key: { readonly embedderId: string; readonly dimension: number };
  #index: VectorIndex = new ExactIndex();
  /** Those of the store with which the index agrees. */
  #sequence = -1;
  #epoch: string | undefined;
  #gap: Gap | undefined;
  /** Vectors that were added since the index was loaded or saved. */
  #unsaved = 0;
  #catchingUp: Promise<void> | undefined;

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
    return this.#index.size;
  }

  /** Whether the next start will have to add so many vectors that saving the index is worth it. */
  get isWorthSaving(): boolean {
    return this.#index instanceof HnswIndex && this.#unsaved > MANY_MISSING;
  }

  /**
   * Reads on one state of the store with which the index agrees. What changed since the last time, by this process or another, is brought in
   * before, in steps between which the thread's other work goes on.
   * @throws RagError store/mismatch when another embedder's vectors have replaced the old ones; what `read` throws; the signal's reason
   */
  async whole<Result>(read: () => Result, signal?: AbortSignal): Promise<Result> {
    for (;;) {
      signal?.throwIfAborted();
      const found = this.#corpus.snapshot(() =>
        !this.#isFarBehind() && this.#step() ? { result: read() } : undefined,
      );
      if (found) return found.result;
      // Searches that wait do so together.
      this.#catchingUp ??= this.#catchUp().finally(() => {
        this.#catchingUp = undefined;
      });
      await this.#catchingUp;
    }
  }

  /** The closest chunks; `accepted`: only these. */
  search(query: Float32Array, k: number, accepted?: FilteredChunks): Neighbour[] {
    if (!accepted) return this.#index.search(query, k);
    const few = Math.max(FEW_CHUNKS, Math.sqrt(FEW_SQUARED_SHARE * this.size));
    if (this.#index instanceof HnswIndex && accepted.size <= few) return accepted.nearest(query, k);
    const found = this.#index.search(query, k, (id) => accepted.has(id));
    // The graph may end in a region that the filter refuses.
    const isShort = found.length < Math.min(k, accepted.size);
    return isShort && query.every(Number.isFinite) ? accepted.nearest(query, k) : found;
  }

  /** Writes the index beside the database, so that the next start need not build it. */
  async save(): Promise<void> {
    // Called in the same turn, so that the graph it writes is the one that agrees with the store.
    const { saving } = await this.whole(() => ({ saving: this.#write() }));
    await saving;
  }

  /** Builds the index from the database, whatever others have saved. */
  async build(): Promise<void> {
    while (!this.#corpus.snapshot(() => this.#step())) await setImmediate();
  }

  async #write(): Promise<void> {
    const index = this.#index;
    if (!(index instanceof HnswIndex)) return removeSnapshot(this.#folder);
    const place = { folder: this.#folder, key: this.#key };
    this.#unsaved = 0;
    await saveSnapshot(place, { index, sequence: this.#sequence }, (manifest, inPlace) =>
      this.#corpus.vouchForSnapshot(manifest, inPlace),
    );
  }

  async #catchUp(): Promise<void> {
    if (this.#corpus.snapshot(() => this.#isFarBehind())) await this.#load();
    while (!this.#corpus.snapshot(() => this.#step())) await setImmediate();
  }

  /** Takes the index that another process has saved, if it is whole and nearer to the store than this one. */
  async #load(): Promise<void> {
    if (this.#corpus.counts().chunks < EXACT_BELOW) return;
    const { epoch } = this.#corpus;
    const place = { folder: this.#folder, key: this.#key };
    const loaded = await loadSnapshot(place, () => this.#corpus.snapshots);
    if (!loaded || (epoch === this.#epoch && loaded.sequence <= this.#sequence)) return;
    this.#index = loaded.index;
    this.#unsaved = 0;
    this.#epoch = epoch;
    this.#gap = undefined;
  }

  #isFarBehind(): boolean {
    const gap = this.#findGap();
    return gap !== undefined && gap.missing.length - gap.done > MANY_MISSING;
  }

  /** Does some of what the index lacks; true when it agrees with the store. */
  #step(): boolean {
    const deadline = performance.now() + STEP_MS;
    const gap = this.#findGap();
    if (gap) {
      while (gap.done < gap.missing.length) {
        const id = gap.missing[gap.done++]!;
        this.#index.add(id, this.#corpus.vector(id)!);
        this.#unsaved++;
        if (performance.now() > deadline) return false;
      }
      this.#sequence = gap.sequence;
      this.#epoch = gap.epoch;
      this.#gap = undefined;
    }
    return this.#index instanceof HnswIndex ? this.#index.settle(deadline) : true;
  }

  /** Undefined when the index agrees with the store. What the store has no longer is taken out at once. */
  #findGap(): Gap | undefined {
    const { sequence, epoch } = this.#corpus;
    if (sequence === this.#sequence && epoch === this.#epoch) return undefined;
    if (sequence === this.#gap?.sequence && epoch === this.#gap.epoch) return this.#gap;
    this.#requireSameEmbedder();
    const chunkIds = this.#corpus.chunkIds();
    const wanted = new IdSet(chunkIds);
    const gone = [...this.#index.ids].filter((id) => !wanted.has(id));
    const isTooLarge = this.#index instanceof ExactIndex && wanted.size >= EXACT_BELOW;
    const isForeign = epoch !== this.#epoch;
    if (isForeign || isTooLarge || this.#willBeSparse(gone.length)) this.#startAnew(wanted.size);
    else for (const id of gone) this.#index.remove(id);
    const missing = chunkIds.filter((id) => !this.#index.has(id));
    this.#epoch = epoch;
    this.#gap = { sequence, epoch, missing, done: 0 };
    return this.#gap;
  }

  #requireSameEmbedder(): void {
    const { id } = this.#corpus.embedder;
    if (id === this.#key.embedderId) return;
    throw embedderChanged(storeName(this.#folder), id);
  }

  #willBeSparse(gone: number): boolean {
    if (!(this.#index instanceof HnswIndex)) return false;
    return this.#index.size - gone < this.#index.stored * (1 - MAX_REMOVED_SHARE);
  }

  #startAnew(size: number): void {
    this.#index = size >= EXACT_BELOW ? HnswIndex.empty(this.#key.dimension) : new ExactIndex();
    this.#sequence = -1;
  }
}

/**
 * Builds the index of a store from its database, without removed vectors, and saves it. Call it holding the store's lock.
 * @throws RagError file/write-failed
 */
export async function rebuildIndex(folder: string, corpus: Corpus): Promise<void> {
  const keeper = new IndexKeeper(folder, corpus, corpus.embedder);
  await keeper.build();
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
