import { existsSync } from "node:fs";
import { createLog, type Log } from "../core/index.ts";
import { DEFAULT_MAX_SEQUENCES, Generator } from "../generator/index.ts";
import { type LearnedPrompt, type Task, withFirstTokens } from "../ptuning/index.ts";
import {
  BertEmbedder,
  type Corpus,
  type Embedder,
  emptyStore,
  keepBuiltIndex,
  openCorpus,
  openRetriever,
  type RerankOptions,
  type Retriever,
  type SearchMode,
  type SearchOptions,
  type SearchTimings,
  storeName,
} from "../retriever/index.ts";
import type { ResolvedModel } from "../runtime/index.ts";
import type { AnswerParts, Retrieved } from "./answer.ts";
import type { EngineStatus } from "./answerer.ts";
import { fetchModel } from "./model-fetching.ts";
import { OpenedOnce } from "./opened-once.ts";
import type { Passage } from "./passage.ts";
import { choosePrompt } from "./prompt-choice.ts";
import { openReranking } from "./reranking.ts";
import type { Settings } from "./settings.ts";
import type { Terminal } from "./terminal.ts";

export type { SearchMode };

/** Texts embedded or searched for between two looks at the signal. */
const QUERIES_AT_ONCE = 64;
/** Reranking one takes as long as embedding many. */
const RERANKED_AT_ONCE = 4;

/** However many answers may be under way, no more are decoded together: keys and values of each take memory for all its tokens. */
export const MAX_DECODED_TOGETHER = 32;

/** Opens what a command needs, when it needs it, and closes all of it. What could not be opened is tried again by the next call. */
export class Workspace {
  readonly #settings: Settings;
  readonly #terminal: Terminal;
  readonly #closing = new AbortController();
  readonly #signal: AbortSignal;
  readonly #passageCacheBytes: number | undefined;
  readonly #log: Log;
  readonly #closers: (() => void | Promise<void>)[] = [];
  readonly #generator = new OpenedOnce<Generator>();
  readonly #embedder = new OpenedOnce<Embedder>();
  readonly #corpus = new OpenedOnce<Corpus>();
  readonly #retriever = new OpenedOnce<Retriever>();
  readonly #reranking = new OpenedOnce<RerankOptions | undefined>();

  constructor(options: {
    readonly settings: Settings;
    readonly terminal: Terminal;
    readonly signal: AbortSignal;
    /** Of the engine; its default unless given. */
    readonly passageCacheBytes?: number;
  }) {
    this.#settings = options.settings;
    this.#passageCacheBytes = options.passageCacheBytes;
    this.#terminal = options.terminal;
    this.#signal = AbortSignal.any([options.signal, this.#closing.signal]);
    this.#log = createLog(options.settings.debug ? "debug" : "silent");
  }

  get log(): Log {
    return this.#log;
  }

  /** A model by name or path; fetched when it is not here. @throws RagError model/* */
  resolveModel(name: string): Promise<ResolvedModel> {
    return fetchModel(name, {
      cacheFolder: this.#settings.cache,
      terminal: this.#terminal,
      log: this.#log,
      signal: this.#signal,
    });
  }

  /** The language model. @throws RagError model/*, engine/failed */
  generator(): Promise<Generator> {
    return this.#generator.get(() => this.#openGenerator());
  }

  /** What the engine does; undefined before it was opened. @throws RagError engine/failed */
  async engineStatus(): Promise<EngineStatus | undefined> {
    const generator = await this.#generator.opening;
    return generator && { ...(await generator.load()), restarts: generator.restarts };
  }

  /** `isLazy`: where it is not open yet, its weights are loaded by the first text. @throws RagError model/* */
  embedder(isLazy = false): Promise<Embedder> {
    return this.#embedder.get(() => this.#openEmbedder(isLazy));
  }

  /** The store's documents. `create`: makes an empty store. @throws RagError store/* */
  corpus(create = false): Promise<Corpus> {
    return this.#corpus.get(() => this.#openCorpus(create));
  }

  /** @throws RagError store/*, model/* */
  retriever(): Promise<Retriever> {
    return this.#retriever.get(() => this.#openRetriever());
  }

  /** How searches order their best passages again. @throws RagError config/invalid, model/*, engine/failed */
  reranking(): Promise<RerankOptions | undefined> {
    return this.#reranking.get(() => this.#openReranking());
  }

  /** Fails before anything slow is started. @throws RagError store/empty when there is nothing to search */
  async requireDocuments(): Promise<void> {
    const corpus = await this.corpus();
    if (corpus.counts().documents > 0) return;
    throw emptyStore(storeName(this.#settings.store));
  }

  /** Passages for one query. @throws RagError store/* */
  async search(
    query: string,
    options: SearchOptions,
    signal: AbortSignal = this.#signal,
  ): Promise<{ results: Passage[]; timings: SearchTimings }> {
    const retriever = await this.retriever();
    const rerank = await this.reranking();
    return retriever.search(query, { rerank, ...options, signal });
  }

  /** The best k passages for each question. @throws RagError store/* */
  async retrieveMany(
    questions: readonly string[],
    k: number,
    signal: AbortSignal = this.#signal,
  ): Promise<Passage[][]> {
    const retriever = await this.retriever();
    const rerank = await this.reranking();
    const step = rerank ? RERANKED_AT_ONCE : QUERIES_AT_ONCE;
    const found: Passage[][] = [];
    const progress = this.#terminal.progress("questions searched");
    try {
      for (let first = 0; first < questions.length; first += step) {
        const some = questions.slice(first, first + step);
        found.push(...(await retriever.searchMany(some, { k, rerank, signal })));
        progress.update(found.length, questions.length);
      }
    } finally {
      progress.end();
    }
    return found;
  }

  /** The learned prompt for a wish, see {@link choosePrompt}. */
  async choosePrompt(wanted: string | undefined, task?: Task): Promise<LearnedPrompt | undefined> {
    const { store, tokens } = this.#settings;
    const prompt = await choosePrompt(store, (await this.generator()).model, wanted, task);
    return prompt && tokens !== undefined ? withFirstTokens(prompt, tokens) : prompt;
  }

  /** What answering needs. @throws RagError model/*, engine/failed */
  async answerParts(): Promise<AnswerParts> {
    return {
      generator: await this.generator(),
      retrieve: (query, k, signal) => this.#retrieve(query, k, signal),
      choosePrompt: (wanted) => this.choosePrompt(wanted),
      minSimilarity: this.#settings.minSimilarity,
    };
  }

  /** Opens models and index, so that the first question need not wait. A store that is not there is made. */
  async warmUp(): Promise<void> {
    await this.generator();
    await this.embedder();
    const corpus = await this.corpus(true);
    await this.retriever();
    await this.reranking();
    if (corpus.counts().documents === 0) {
      this.#terminal.warn(
        "there are no documents yet; add them on the page or with foreword ingest.",
      );
    }
  }

  /** Begins to open what a question needs of a store that is there. What fails is tried again, and told, by who needs it. */
  async openAhead(): Promise<void> {
    await Promise.allSettled([this.generator(), this.retriever(), this.reranking()]);
  }

  /** Closes what was opened, the last first; what is being opened is given up. */
  async close(): Promise<void> {
    this.#closing.abort();
    const parts = [this.#generator, this.#embedder, this.#corpus, this.#retriever, this.#reranking];
    await Promise.allSettled(parts.map(({ opening }) => opening));
    for (const close of this.#closers.splice(0).reverse()) await close();
  }

  async #retrieve(query: string, k: number, signal?: AbortSignal): Promise<Retrieved> {
    const { results, timings } = await this.search(query, { k }, signal);
    const known = results.flatMap(({ similarity }) => similarity ?? []);
    return {
      passages: results,
      ...(known.length > 0 && { similarity: Math.max(...known) }),
      ...((await this.reranking()) && { rerankMs: timings.rerankMs }),
    };
  }

  async #openGenerator(): Promise<Generator> {
    const { model, modelPrecision, cache, threads, provider, contextLength } = this.#settings;
    const { parallel } = this.#settings;
    const passageCacheBytes = this.#passageCacheBytes;
    const resolved = await this.resolveModel(model);
    const options = {
      cacheFolder: cache,
      weights: modelPrecision ?? ("packed" as const),
      // Never fewer than usual: an answer may have several choices.
      maxSequences: Math.min(Math.max(parallel, DEFAULT_MAX_SEQUENCES), MAX_DECODED_TOGETHER),
      ...(threads === undefined ? {} : { threads }),
      ...(provider === undefined ? {} : { provider }),
      ...(contextLength === undefined ? {} : { contextLength }),
      ...(passageCacheBytes === undefined ? {} : { passageCacheBytes }),
    };
    const generator = await Generator.open(resolved, options, this.#signal);
    this.#closers.push(() => generator.close());
    return generator;
  }

  async #openEmbedder(isLazy: boolean): Promise<Embedder> {
    const { embedder: name, embedderPrecision: precision, threads } = this.#settings;
    const embedder = await BertEmbedder.open(await this.resolveModel(name), {
      ...(threads === undefined ? {} : { threads }),
      ...(precision === undefined ? {} : { precision }),
      isLazy,
      signal: this.#signal,
    });
    this.#closers.push(() => embedder.close());
    return embedder;
  }

  async #openReranking(): Promise<RerankOptions | undefined> {
    const opened = await openReranking(this.#settings, {
      generator: () => this.generator(),
      resolveModel: (name) => this.resolveModel(name),
      signal: this.#signal,
    });
    if (opened) this.#closers.push(() => opened.close());
    return opened?.options;
  }

  async #openCorpus(create: boolean): Promise<Corpus> {
    const { store } = this.#settings;
    if (!create && !existsSync(store)) throw emptyStore(storeName(store));
    const corpus = openCorpus(store, { embedder: await this.embedder(), create });
    this.#closers.push(() => corpus.close());
    return corpus;
  }

  async #openRetriever(): Promise<Retriever> {
    const { store } = this.#settings;
    const corpus = await this.corpus();
    const retriever = await openRetriever(store, { corpus, embedder: await this.embedder() });
    const isSaved = await keepBuiltIndex(store, retriever);
    if (isSaved) this.#log.debug({ store }, "the index had to be built, and was saved");
    return retriever;
  }
}
