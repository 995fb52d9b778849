import assert from "node:assert/strict";
import { RagError } from "../core/index.ts";
import {
  type DenseTensor,
  LastingWorker,
  type ResolvedModel,
  workerModule,
} from "../runtime/index.ts";
import type { AttentionShares } from "./attention-meter.ts";
import { type Conditioning, DRAFT_SLOT } from "./conditioning.ts";
import { contextLengthOf, DEFAULT_MAX_SEQUENCES, type EngineOptions } from "./engine-options.ts";
import type {
  EngineLoad,
  GeneratedToken,
  GenerationRequest,
  GenerationSummary,
  TextBehindPrefixes,
} from "./generation.ts";
import type { GeneratorWorkerData } from "./generator-worker.ts";
import { type Model, type OpenedModel, openModel } from "./model.ts";
import type { PromptScore } from "./prompt-scores.ts";
import { requireSavable } from "./save-model.ts";
import type { LossAndGradient, TrainerSettings, TrainingExample } from "./trainer-engine.ts";

/** The frozen language model in a thread of its own: the caller's event loop stays free while it runs. */
export class Generator {
  readonly model: Model;
  /** Tokens that prompt and answer may have together. */
  readonly contextLength: number;
  /** Requests that are decoded together; more wait in the order they came. */
  readonly maxSequences: number;
  readonly #host: LastingWorker;
  /** Of the one trainer there is. They go with every batch: a thread that replaced another has no trainer. */
  #training: TrainerSettings | undefined;
  /** The weights that the worker was given last, so that they cross once and not with every request. */
  #openedWeights: { readonly identity: string; readonly opening: Promise<unknown> } | undefined;

  private constructor(model: Model, options: EngineOptions, host: LastingWorker) {
    this.model = model;
    this.contextLength = contextLengthOf(model.config, options);
    this.maxSequences = options.maxSequences ?? DEFAULT_MAX_SEQUENCES;
    this.#host = host;
  }

  /**
   * Reads the model and starts its engine. The first time a model is opened its weights are re-arranged on disk.
   * @throws RagError model/invalid, model/unsupported, engine/failed
   */
  static async open(
    resolved: ResolvedModel,
    options: EngineOptions,
    signal?: AbortSignal,
  ): Promise<Generator> {
    const opened = openModel(resolved);
    const data: GeneratorWorkerData = { source: opened.source, options };
    const module = workerModule("generator-worker", import.meta.url);
    const opening = LastingWorker.open(module, data, signal);
    // The tokenizer is built while the engine starts in its thread.
    const [model, host] = await Promise.allSettled([completeSoon(opened), opening]);
    if (model.status === "rejected") {
      if (host.status === "fulfilled") await host.value.close();
      throw model.reason;
    }
    if (host.status === "rejected") throw host.reason;
    return new Generator(model.value, options, host.value);
  }

  /**
   * Generates token by token; returns what was used. Stopping the iteration, or the signal, stops the work.
   * Requests made while others run are decoded together with them.
   * @throws RagError context/overflow; engine/failed when the thread died: a new one answers the next request
   */
  async *generate(
    request: GenerationRequest,
    signal?: AbortSignal,
  ): AsyncGenerator<GeneratedToken, GenerationSummary> {
    const stop = new AbortController();
    const either = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
    const arrived: GeneratedToken[] = [];
    let wake = () => {};
    let isDone = false;
    const summary = this.#withOpenWeights(request)
      .then((prepared) =>
        this.#host.call("generate", prepared, {
          signal: either,
          onEvent: (event) => {
            arrived.push(event as GeneratedToken);
            wake();
          },
        }),
      )
      .finally(() => {
        isDone = true;
        wake();
      });
    // The failure is thrown where the summary is awaited; an early stop does not wait for it.
    summary.catch(() => undefined);
    try {
      for (;;) {
        while (arrived.length > 0) yield arrived.shift()!;
        if (isDone) return (await summary) as GenerationSummary;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      stop.abort();
    }
  }

  /**
   * How likely the model finds each token of a text; the first has no score. `topCount`: alternatives told for each.
   * @throws RagError context/overflow, request/invalid for no ids, engine/failed
   */
  async scorePrompt(
    ids: readonly number[],
    topCount: number,
    signal?: AbortSignal,
  ): Promise<PromptScore[]> {
    const text = { ids, topCount };
    return (await this.#host.call("scorePrompt", text, { signal })) as PromptScore[];
  }

  /**
   * How likely the model finds the same ids behind each of several prefixes: the mean log probability of all but the first, which is only
   * read. Prefixes are kept as those of answers are. `ids`: at least two.
   * @throws RagError context/overflow, engine/failed
   */
  async scoreBehind(text: TextBehindPrefixes, signal?: AbortSignal): Promise<number[]> {
    return (await this.#host.call("scoreBehind", text, { signal })) as number[];
  }

  /** How often the engine's thread died and another took its place. */
  get restarts(): number {
    return this.#host.starts - 1;
  }

  /** What the engine is running, what waits and what is cached. @throws RagError engine/failed */
  async load(): Promise<EngineLoad> {
    return (await this.#host.call("load", undefined)) as EngineLoad;
  }

  /** Token embeddings: f32 [ids, H]. */
  async embeddings(ids: readonly number[]): Promise<Float32Array> {
    return (await this.#host.call("embeddings", ids)) as Float32Array;
  }

  /** Keys (before rotation) and values of a text that stands alone, as deep tokens. */
  async deepTokens(ids: readonly number[]): Promise<Conditioning & { kind: "deep" }> {
    return (await this.#host.call("deepTokens", ids)) as Conditioning & { kind: "deep" };
  }

  /** Every weight that can be trained, as f32 by its name in the layout; what "full" starts from. */
  async trainableWeights(): Promise<ReadonlyMap<string, DenseTensor>> {
    return (await this.#host.call("trainableWeights", undefined)) as Map<string, DenseTensor>;
  }

  /** Hands a model in training over before the first request that answers with it: it is half a gigabyte and more. */
  async #withOpenWeights(request: GenerationRequest): Promise<GenerationRequest> {
    const { conditioning } = request;
    const isDraft = conditioning?.kind === "full" && conditioning.identity.slot === DRAFT_SLOT;
    if (!isDraft) return request;
    // A thread that replaced another has not been given them.
    const identity = `${this.#host.starts} ${conditioning.identity.version}`;
    if (this.#openedWeights?.identity !== identity) {
      const opening = this.#host.call("openAdapted", conditioning);
      this.#openedWeights = { identity, opening };
      opening.catch(() => {
        if (this.#openedWeights?.opening === opening) this.#openedWeights = undefined;
      });
    }
    await this.#openedWeights.opening;
    return { ...request, conditioning: { ...conditioning, weights: new Map() } };
  }

  /**
   * Prepares training; graphs are compiled with the first batch. Needs several times the memory of generating. Whoever opens it closes it.
   * @throws RagError config/invalid where a trainer is open, engine/failed, file/write-failed; model/unsupported where all weights are
   *   trained of a model that cannot be saved
   */
  async openTrainer(settings: TrainerSettings, signal?: AbortSignal): Promise<void> {
    if (settings.target.kind === "full") requireSavable(this.model);
    if (this.#training) {
      throw new RagError(
        "config/invalid",
        `model "${this.model.name}": its generator trains something else already, and a second would take its place; close that first (PeftModel.close), or open another Generator.`,
      );
    }
    this.#training = settings;
    try {
      await this.#host.call("openTrainer", settings, { signal });
    } catch (thrown) {
      await this.closeTrainer();
      throw thrown;
    }
  }

  /**
   * Mean loss of a batch, and its gradient with respect to the conditioning. Needs an open trainer.
   * @throws RagError request/invalid, context/overflow; engine/failed also when the thread died: the next batch is computed by a new one
   */
  async lossAndGradient(
    examples: readonly TrainingExample[],
    conditioning: Conditioning,
    signal?: AbortSignal,
  ): Promise<LossAndGradient> {
    assert.ok(this.#training, "a trainer is opened before it is given a batch");
    const batch = { examples, conditioning, settings: this.#training };
    return (await this.#host.call("lossAndGradient", batch, { signal })) as LossAndGradient;
  }

  /**
   * Where the answers of some examples look while they are written, virtual token by virtual token; undefined for conditionings that
   * add none. Compiles a graph of its own, and frees it again. @throws RagError engine/failed
   */
  async attentionShares(
    examples: readonly TrainingExample[],
    conditioning: Conditioning,
  ): Promise<AttentionShares | undefined> {
    const work = { examples, conditioning };
    return (await this.#host.call("attentionShares", work)) as AttentionShares | undefined;
  }

  /** Frees the training graph with its cached passages, and the engines of changed weights. */
  async closeTrainer(): Promise<void> {
    this.#training = undefined;
    this.#openedWeights = undefined;
    await this.#host.call("closeTrainer", undefined);
  }

  /** Ends the thread. */
  async close(): Promise<void> {
    await this.#host.close();
  }
}

/** After the worker has been sent off. */
const completeSoon = async ({ complete }: OpenedModel): Promise<Model> => {
  await new Promise((resolve) => setImmediate(resolve));
  return complete();
};
