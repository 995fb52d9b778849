import assert from "node:assert/strict";
import { floats, type Tensor } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import { pastNames } from "./inference-graph.ts";

/** Keys and values of a run of tokens: f32 [layers · 2 · KV heads, rows, D], as the inference graph returns them. */
export interface CacheRows {
  readonly data: Float32Array;
  readonly count: number;
}

/**
 * Capacities are multiples of this. ONNX Runtime sums a row of attention in vectors and what is left of them, and where the new rows begin
 * within a vector decides what is added to what: at any capacity, the last bits of a prefix would depend on how long the rest of
 * the request is.
 */
const CAPACITY_STEP = 16;

/**
 * The keys and values of one sequence, in memory allocated once: per layer f32 [1, KV heads, 1, capacity, D], of which
 * the first `length` rows are filled.
 */
export class KeyValueCache {
  readonly capacity: number;
  readonly #tensors: Readonly<Record<string, Tensor>>;
  readonly #empty: Readonly<Record<string, Tensor>>;
  #length = 0;
  readonly #blocks: readonly Float32Array[];
  readonly #rowSize: number;

  /** `tokens`: how many rows there must be room for. */
  constructor(config: DecoderConfig, tokens: number) {
    const { layers, keyValueHeads, headDimension } = config;
    const capacity = Math.ceil(tokens / CAPACITY_STEP) * CAPACITY_STEP;
    this.capacity = capacity;
    this.#rowSize = headDimension;
    const perTensor = keyValueHeads * capacity * headDimension;
    const memory = new Float32Array(layers * 2 * perTensor);
    const names = Array.from({ length: layers }, (_, layer) => pastNames(layer)).flatMap(
      ({ key, value }) => [key, value],
    );
    const shape = [1, keyValueHeads, 1, capacity, headDimension];
    const slice = (index: number) => memory.subarray(index * perTensor, (index + 1) * perTensor);
    this.#tensors = Object.fromEntries(
      names.map((name, index) => [name, floats(slice(index), shape)]),
    );
    const nothing = floats(new Float32Array(0), [1, keyValueHeads, 1, 0, headDimension]);
    this.#empty = Object.fromEntries(names.map((name) => [name, nothing]));
    this.#blocks = Array.from({ length: layers * 2 * keyValueHeads }, (_, index) =>
      memory.subarray(index * capacity * headDimension, (index + 1) * capacity * headDimension),
    );
  }

  /** Rows filled so far. */
  get length(): number {
    return this.#length;
  }

  /** What a run reads: all rows up to the capacity, or none while nothing is filled. */
  view(): { readonly tensors: Readonly<Record<string, Tensor>>; readonly capacity: number } {
    return this.#length === 0
      ? { tensors: this.#empty, capacity: 0 }
      : { tensors: this.#tensors, capacity: this.capacity };
  }

  /** A compact copy of the filled rows. */
  rows(): Float32Array {
    const size = this.#length * this.#rowSize;
    const out = new Float32Array(this.#blocks.length * size);
    for (const [index, block] of this.#blocks.entries()) {
      out.set(block.subarray(0, size), index * size);
    }
    return out;
  }

  /** Copies rows behind the filled ones. */
  append(rows: CacheRows): void {
    assert.ok(this.#length + rows.count <= this.capacity, "cache capacity is planned per request");
    const size = rows.count * this.#rowSize;
    for (const [index, block] of this.#blocks.entries()) {
      block.set(rows.data.subarray(index * size, (index + 1) * size), this.#length * this.#rowSize);
    }
    this.#length += rows.count;
  }
}
