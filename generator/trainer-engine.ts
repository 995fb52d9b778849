import assert from "node:assert/strict";
import { floats, integers, type Session, type Tensor } from "../runtime/index.ts";
import { compileGraph } from "./compiled-graphs.ts";
import { type Conditioning, isAdaptation } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import { contextLengthOf, type Engine, type EngineOptions, engineFolder } from "./engine.ts";
import { pastNames } from "./inference-graph.ts";
import { BLOCKED } from "./masks.ts";
import type { DecoderSource } from "./model.ts";
import { PassageCache } from "./passage-cache.ts";
import {
  buildTrainingGraph,
  deepNames,
  gradientName,
  type TrainingTarget,
} from "./training-graph.ts";
import { openWeightLayout } from "./weight-layout.ts";

/** One example to learn from: what stands before the virtual tokens, after them, and what should be answered. */
export interface TrainingExample {
  /** Ids whose keys and values do not depend on what is trained: system text and passages. Cached across epochs. */
  readonly prefixIds: readonly number[];
  /** Ids between the virtual tokens and the answer: the question. */
  readonly ids: readonly number[];
  /** Ids of the answer and its end token. Only these are scored. */
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
}

interface PassageRows {
  readonly data: Float32Array | Uint16Array;
  readonly count: number;
  readonly byteLength: number;
}

export interface TrainerOptions extends EngineOptions {
  readonly target: TrainingTarget;
  /** Bytes of keys and values kept across epochs; what does not fit is computed again each time. */
  readonly trainingCacheBytes: number;
  /** "float16" keeps twice as many passages as "float32", which is exact. */
  readonly trainingCachePrecision?: "float16" | "float32";
}

/** Computes the loss of a batch and its gradient with respect to a learned prompt. The model stays frozen. */
export class TrainerEngine {
  readonly #model: DecoderSource;
  readonly #engine: Engine;
  readonly #session: Session;
  readonly #target: TrainingTarget["kind"];
  readonly #isHalf: boolean;
  readonly #passages: PassageCache<PassageRows>;

  private constructor(engine: Engine, session: Session, options: TrainerOptions) {
    this.#engine = engine;
    this.#model = engine.model;
    this.#session = session;
    this.#target = options.target.kind;
    this.#isHalf = isHalf(options);
    this.#passages = new PassageCache(options.trainingCacheBytes, "first");
  }

  /** `engine` computes the passages' keys and values, so that training sees what serving will. */
  static async open(engine: Engine, options: TrainerOptions): Promise<TrainerEngine> {
    const { model } = engine;
    const folder = engineFolder(model, options);
    const weights = await openWeightLayout(model, {
      folder,
      format: "float32",
      positions: contextLengthOf(model.config, options),
    });
    const graph = buildTrainingGraph({
      config: model.config,
      weights,
      target: options.target,
      halfPast: isHalf(options),
    });
    return new TrainerEngine(engine, await compileGraph(graph, folder, options), options);
  }

  /** Bytes of keys and values kept now. */
  get cachedBytes(): number {
    return this.#passages.byteLength;
  }

  /**
   * Loss and gradient of a batch, the mean over its examples. What changes passages' keys and values (a prefix, LoRA, the weights)
   * takes examples without a prefix.
   * @throws RagError engine/failed, context/overflow
   */
  async lossAndGradient(
    examples: readonly TrainingExample[],
    conditioning: Conditioning,
  ): Promise<LossAndGradient> {
    assert.equal(conditioning.kind, this.#target, "the conditioning is what is trained");
    const passages: PassageRows[] = [];
    for (const { prefixIds } of examples) passages.push(await this.#passageRows(prefixIds));
    const batch = layOut(examples, passages, conditioning);
    assert.ok(batch.pastLength === 0 || keepsPassages(conditioning), "passages stand in the ids");
    const trained = trainedInputs(conditioning, this.#model.config);
    const outputs = await this.#session.run({
      ...this.#pastFeeds(passages, batch.pastLength),
      virtual: floats(new Float32Array(0), [0, this.#model.config.width]),
      ...(conditioning.kind === "deep" ? { deepPositions: batch.deepPositions } : {}),
      ...Object.fromEntries(trained),
      ...batch.feeds,
    });
    return {
      loss: Number(outputs["loss"]!.data[0]),
      gradients: trained.map(([name]) => outputs[gradientName(name)]!.data as Float32Array),
    };
  }

  async close(): Promise<void> {
    this.#passages.clear();
    await this.#session.close();
  }

  async #passageRows(ids: readonly number[]): Promise<PassageRows> {
    if (ids.length === 0) return { data: new Uint16Array(0), count: 0, byteLength: 0 };
    const known = this.#passages.get(ids);
    if (known) return known;
    const data = this.#isHalf
      ? await this.#engine.prefillHalf(ids)
      : (await this.#engine.prefill(ids)).data;
    const rows = { data, count: ids.length, byteLength: data.byteLength };
    this.#passages.set(ids, rows);
    return rows;
  }

  /** The passages' rows, padded to the longest: per layer f16 [B, KV heads, S, D]. */
  #pastFeeds(passages: readonly PassageRows[], length: number): Record<string, Tensor> {
    const { layers, keyValueHeads, headDimension } = this.#model.config;
    const shape = [passages.length, keyValueHeads, length, headDimension];
    const names = Array.from({ length: layers }, (_, layer) => pastNames(layer)).flatMap(
      ({ key, value }) => [key, value],
    );
    const size = keyValueHeads * length * headDimension;
    return Object.fromEntries(
      names.map((name, index) => {
        const total = passages.length * size;
        const data = this.#isHalf ? new Uint16Array(total) : new Float32Array(total);
        for (const [row, { data: rows, count }] of passages.entries()) {
          const block = count * headDimension;
          for (let head = 0; head < keyValueHeads; head++) {
            const from = (index * keyValueHeads + head) * block;
            data.set(rows.subarray(from, from + block), row * size + head * length * headDimension);
          }
        }
        return [name, { type: this.#isHalf ? "float16" : "float32", data, shape } as Tensor];
      }),
    );
  }
}

/** Whether the keys and values of passages are the frozen model's own under a conditioning, so that they can be kept. */
const keepsPassages = ({ kind }: Conditioning): boolean => kind === "virtual" || kind === "deep";

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

const isHalf = (options: TrainerOptions): boolean => options.trainingCachePrecision !== "float32";

interface Batch {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly pastLength: number;
  readonly deepPositions: Tensor;
}

/**
 * Lays examples of different lengths out as one batch. Columns of the mask: padded passages, deep tokens, then the tail
 * (virtual tokens, question, answer but its last token). Padding is never attended to nor scored.
 */
function layOut(
  examples: readonly TrainingExample[],
  passages: readonly { readonly count: number }[],
  conditioning: Conditioning,
): Batch {
  const virtualCount = conditioning.kind === "virtual" ? conditioning.count : 0;
  const deepCount = conditioning.count - virtualCount;
  const tails = examples.map(({ ids, answerIds }) => [...ids, ...answerIds.slice(0, -1)]);
  const tailLength = Math.max(...tails.map((tail) => tail.length));
  const pastLength = Math.max(...passages.map(({ count }) => count));
  const tokens = virtualCount + tailLength;
  const columns = pastLength + deepCount + tokens;
  const mask = new Float32Array(examples.length * tokens * columns);
  const positions: number[] = [];
  const deepPositions: number[] = [];
  const after: number[] = [];
  const [rows, labels, weights]: [number[], number[], number[]] = [[], [], []];
  for (const [index, { ids, answerIds }] of examples.entries()) {
    const past = passages[index]!.count;
    const tail = tails[index]!;
    for (let i = 0; i < deepCount; i++) deepPositions.push(past + i);
    for (let i = 0; i < tokens; i++) {
      positions.push(past + deepCount + i);
      const row = (index * tokens + i) * columns;
      mask.fill(BLOCKED, row + past, row + pastLength);
      mask.fill(BLOCKED, row + pastLength + deepCount + i + 1, row + columns);
    }
    after.push(...tail, ...new Array<number>(tailLength - tail.length).fill(0));
    for (const [i, label] of answerIds.entries()) {
      rows.push(index * tokens + virtualCount + ids.length - 1 + i);
      labels.push(label);
      weights.push(1 / (answerIds.length * examples.length));
    }
  }
  const count = examples.length;
  return {
    pastLength,
    deepPositions: integers(deepPositions, [count, deepCount]),
    feeds: {
      before: integers([], [count, 0]),
      after: integers(after, [count, tailLength]),
      positions: integers(positions, [count, tokens]),
      mask: floats(mask, [count, 1, tokens, columns]),
      rows: integers(rows),
      labels: integers(labels),
      labelWeights: floats(Float32Array.from(weights), [weights.length]),
    },
  };
}
