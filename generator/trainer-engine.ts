import assert from "node:assert/strict";
import { RagError } from "../core/index.ts";
import { floats, integers, type Session, type Tensor } from "../runtime/index.ts";
import { blockLengths } from "./causal-blocks.ts";
import { compileGraph } from "./compiled-graphs.ts";
import { type Conditioning, isAdaptation, virtualCountOf } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import type { Engine } from "./engine.ts";
import { contextLengthOf, type EngineOptions, engineFolder } from "./engine-options.ts";
import { pastNames } from "./inference-graph.ts";
import { type CacheRows, KeyValueCache } from "./key-value-cache.ts";
import type { DecoderSource } from "./model.ts";
import type { PassageFolderOptions } from "./passage-folder.ts";
import { exactRows, isHalf, PassageReader } from "./passage-reader.ts";
import { requireExamples } from "./require-examples.ts";
import { cutBatch, layOut, type PreparedExample } from "./training-batch.ts";
import {
  buildTrainingGraph,
  deepNames,
  gradientName,
  type TrainingTarget,
} from "./training-graph.ts";
import { openWeightLayout } from "./weight-layout.ts";
import { yieldToMessages } from "./yield-to-messages.ts";

/** One example to learn from: what stands before the virtual tokens, after them, and what should be answered. */
export interface TrainingExample {
  /** Ids whose keys and values do not depend on what is trained: system text and passages. Cached across epochs. Empty where all depend on it. */
  readonly prefixIds: readonly number[];
  /** Ids between the virtual tokens and the answer: the question. At least one, unless there are virtual tokens. */
  readonly ids: readonly number[];
  /** Ids of the answer and its end token, at least one. Only these are scored. */
  readonly answerIds: readonly number[];
}

export interface LossAndGradient {
  /** Mean cross entropy of the answer tokens, each example weighing the same. */
  readonly loss: number;
  /**
   * In the order of the conditioning: the rows; key and value of each layer in turn; A and B of each module; or every weight in
   * the order of its map.
   */
  readonly gradients: readonly Float32Array[];
  /** Spent on passages that were not kept: computing their keys and values. */
  readonly passageSeconds: number;
}

/** What a trainer is told beside the engine's own options. */
export interface TrainerSettings {
  readonly target: TrainingTarget;
  /** Bytes of keys and values kept in memory across epochs. */
  readonly trainingCacheBytes: number;
  /** Keeps what memory has no room for; without it, or when it is full, the rest is computed again each time. */
  readonly passageFolder?: PassageFolderOptions | undefined;
}

export interface TrainerOptions extends EngineOptions, TrainerSettings {
  /** "float16" keeps twice as many passages as "float32", which is exact. */
  readonly trainingCachePrecision?: "float16" | "float32";
}

/** Tokens that run together: enough to keep the processor busy, few enough to keep memory small. */
const PIECE_TOKENS = 256;
/** With all weights trained, every run returns a gradient as large as the model. */
const PIECE_TOKENS_FULL = 1024;

/** Shorter texts are read at once. */
const BLOCKS_FROM_TOKENS = 128;
/** The graph for tails behind cached passages, for long texts without, for short texts without. */
type GraphVariant = "past" | "blocks" | "plain";

/** Computes the loss of a batch and its gradient with respect to a learned prompt. The model stays frozen. */
export class TrainerEngine {
  readonly #model: DecoderSource;
  readonly #options: TrainerOptions;
  readonly #target: TrainingTarget["kind"];
  readonly #isHalf: boolean;
  readonly #passages: PassageReader;
  /** Each compiled when it is first needed. */
  readonly #sessions = new Map<GraphVariant, Session>();
  /** Holds the passages' rows of one piece. Kept: fresh memory of this size costs more than filling it. */
  #pastMemory: Float32Array | Uint16Array;

  private constructor(engine: Engine, options: TrainerOptions, passages: PassageReader) {
    this.#passages = passages;
    this.#model = engine.model;
    this.#options = options;
    this.#target = options.target.kind;
    this.#isHalf = isHalf(options);
    this.#pastMemory = this.#isHalf ? new Uint16Array(0) : new Float32Array(0);
  }

  /**
   * `engine` computes the passages' keys and values, so that training sees what serving will. Graphs are compiled when a batch
   * first needs them.
   * @throws RagError file/write-failed when passages cannot be kept in the folder
   */
  static async open(engine: Engine, options: TrainerOptions): Promise<TrainerEngine> {
    return new TrainerEngine(engine, options, await PassageReader.open(engine, options));
  }

  /** Bytes of keys and values kept now. */
  get cachedBytes(): number {
    return this.#passages.cachedBytes;
  }

  /**
   * Loss and gradient of a batch, the mean over its examples. What changes passages' keys and values (a prefix, LoRA, the weights)
   * takes examples without a prefix. An abort is seen between passages and between pieces of the batch.
   * @throws RagError request/invalid, context/overflow, engine/failed; the signal's reason when aborted
   */
  async lossAndGradient(
    examples: readonly TrainingExample[],
    conditioning: Conditioning,
    signal?: AbortSignal,
  ): Promise<LossAndGradient> {
    assert.equal(conditioning.kind, this.#target, "the conditioning is what is trained");
    requireExamples(examples, conditioning, this.#model.config.vocabulary);
    for (const example of examples) this.#requireRoom(example, conditioning);
    const batch: PreparedExample[] = [];
    for (const example of examples) {
      batch.push({ example, passage: await this.#passages.rows(example.prefixIds, signal) });
    }
    const trained = trainedInputs(conditioning, this.#model.config);
    const sum: { loss: number; gradients: Float32Array[]; passageSeconds: number } = {
      loss: 0,
      gradients: [],
      passageSeconds: this.#passages.takeSeconds(),
    };
    const maxTokens = this.#target === "full" ? PIECE_TOKENS_FULL : PIECE_TOKENS;
    const virtualCount = virtualCountOf(conditioning);
    for (const piece of cutBatch(batch, { maxTokens, virtualCount })) {
      await yieldToMessages();
      signal?.throwIfAborted();
      const step = { conditioning, trained, batchSize: batch.length, signal };
      const outputs = await this.#run(piece, step);
      sum.loss += Number(outputs["loss"]!.data[0]);
      for (const [index, [name]] of trained.entries()) {
        const own = outputs[gradientName(name)]!.data as Float32Array;
        const total = sum.gradients[index];
        if (total) addInto(total, own);
        else sum.gradients.push(own);
      }
    }
    return sum;
  }

  /** Keys and values of a prefix, kept with those of the examples and as exact: for answers while training goes on. */
  async prefixRows(ids: readonly number[]): Promise<CacheRows> {
    const { blocks, count } = await this.#passages.rows(ids);
    const cache = new KeyValueCache(this.#model.config, count);
    for (const block of blocks) cache.append(exactRows(block));
    return { data: cache.rows(), count };
  }

  #requireRoom({ prefixIds, ids, answerIds }: TrainingExample, { count }: Conditioning): void {
    const tokens = prefixIds.length + count + ids.length + answerIds.length - 1;
    const most = contextLengthOf(this.#model.config, this.#options);
    if (tokens <= most) return;
    throw new RagError(
      "context/overflow",
      `a training example has ${tokens} tokens with its learned ones, more than the context of ${most}; use fewer or shorter passages.`,
    );
  }

  async close(): Promise<void> {
    await this.#passages.close();
    for (const session of this.#sessions.values()) await session.close();
    this.#sessions.clear();
  }

  async #run(
    piece: readonly PreparedExample[],
    step: {
      readonly conditioning: Conditioning;
      readonly trained: readonly (readonly [string, Tensor])[];
      readonly batchSize: number;
      readonly signal: AbortSignal | undefined;
    },
  ): Promise<Record<string, Tensor>> {
    const { conditioning, trained, batchSize, signal } = step;
    const laidOut = layOut(piece, conditioning, batchSize);
    const hasPast = laidOut.pastLength > 0;
    const isLong = laidOut.tokens >= BLOCKS_FROM_TOKENS;
    const variant = hasPast ? "past" : isLong ? "blocks" : "plain";
    const session = await this.#session(variant, signal);
    return session.run({
      ...(hasPast ? this.#pastFeeds(piece, laidOut.pastLength) : {}),
      ...(variant === "blocks" ? { blocks: integers(blockLengths(laidOut.tokens)) } : {}),
      virtual: floats(new Float32Array(0), [0, this.#model.config.width]),
      ...(conditioning.kind === "deep" ? { deepPositions: laidOut.deepPositions } : {}),
      ...Object.fromEntries(trained),
      ...laidOut.feeds,
    });
  }

  async #session(variant: GraphVariant, signal: AbortSignal | undefined): Promise<Session> {
    const known = this.#sessions.get(variant);
    if (known) return known;
    const options = this.#options;
    const folder = engineFolder(this.#model, options);
    const weights = await openWeightLayout(this.#model, {
      folder,
      format: "float32",
      positions: contextLengthOf(this.#model.config, options),
      signal,
    });
    const graph = buildTrainingGraph({
      config: this.#model.config,
      weights,
      target: options.target,
      past: variant === "past" ? (this.#isHalf ? "float16" : "float32") : undefined,
      hasBlocks: variant === "blocks",
    });
    // Each weight is in two products, read once as it is and once transposed: two packed copies would be twice the model's size.
    const session = await compileGraph(graph, folder, { ...options, packWeights: false });
    this.#sessions.set(variant, session);
    return session;
  }

  /** The passages' rows, padded to the longest with whatever is there: per layer f16 [B, KV heads, S, D]. */
  #pastFeeds(piece: readonly PreparedExample[], length: number): Record<string, Tensor> {
    const { layers, keyValueHeads, headDimension } = this.#model.config;
    const shape = [piece.length, keyValueHeads, length, headDimension];
    const names = Array.from({ length: layers }, (_, layer) => pastNames(layer)).flatMap(
      ({ key, value }) => [key, value],
    );
    const size = keyValueHeads * length * headDimension;
    const total = piece.length * size;
    this.#growPastMemory(names.length * total);
    return Object.fromEntries(
      names.map((name, index) => {
        const data = this.#pastMemory.subarray(index * total, (index + 1) * total);
        for (const [row, { passage }] of piece.entries()) {
          for (let head = 0; head < keyValueHeads; head++) {
            let to = row * size + head * length * headDimension;
            for (const { data: rows, count } of passage.blocks) {
              const block = count * headDimension;
              const from = (index * keyValueHeads + head) * block;
              data.set(rows.subarray(from, from + block), to);
              to += block;
            }
          }
        }
        return [name, { type: this.#isHalf ? "float16" : "float32", data, shape } as Tensor];
      }),
    );
  }

  #growPastMemory(length: number): void {
    if (this.#pastMemory.length >= length) return;
    this.#pastMemory = this.#isHalf ? new Uint16Array(length) : new Float32Array(length);
  }
}

/** What is trained, as inputs of the training graph by name and in the conditioning's order. */
function trainedInputs(
  conditioning: Conditioning,
  config: DecoderConfig,
): readonly (readonly [name: string, tensor: Tensor])[] {
  if (conditioning.kind === "virtual") {
    return [["virtual", floats(conditioning.rows, [conditioning.count, config.width])]];
  }
  if (isAdaptation(conditioning)) {
    const tensors = conditioning.kind === "lora" ? conditioning.matrices : conditioning.weights;
    assert.ok(tensors instanceof Map, "weights that are trained are in memory");
    return [...tensors].map(([name, { shape, data }]) => [name, floats(data, shape)]);
  }
  const { count, keys, values } = conditioning;
  const shape = [config.keyValueHeads, count, config.headDimension];
  return keys.flatMap((key, layer) => {
    const names = deepNames(layer);
    return [
      [names.key, floats(key, shape)] as const,
      [names.value, floats(values[layer]!, shape)] as const,
    ];
  });
}

function addInto(total: Float32Array, more: Float32Array): void {
  for (let i = 0; i < total.length; i++) total[i]! += more[i]!;
}
