import {
  add,
  cast,
  type Graph,
  gather,
  gelu,
  geluTanh,
  type KeyValueRows,
  layerNorm,
  matMul,
  multiply,
  packedMatMul,
  reshape,
  rmsNorm,
  rotate,
  silu,
  split,
  subtract,
  sumOfLast,
  transpose,
  type Value,
} from "../graph/index.ts";
import type { DecoderConfig } from "./config.ts";
import { BLOCK } from "./packing.ts";

/** Keys and values of one layer, rotated: each f32 [B, KV heads, rows, D]. */
export type KeyValue = KeyValueRows;

/** What queries f32 [B, N, T, D] read from the rows before them and their own: f32 [B, N, T, D]. */
export type Attend = (query: Value, earlier: readonly KeyValue[], own: KeyValue) => Value;

/** Where the decoder's weights come from: a file beside the graph or, while they are trained, its inputs. */
export interface DecoderWeights {
  has(name: string): boolean;
  /** Declares a weight in a graph. @throws RagError model/invalid when there is none of this name */
  weight(graph: Graph, name: string): Value;
}

export interface DecoderOptions {
  readonly config: DecoderConfig;
  readonly weights: DecoderWeights;
  /** Changes what a projection gives: `product` is x Wᵀ (+ bias) of the projection `name`, such as "layers.0.qkv". */
  readonly adapt?: (graph: Graph, name: string, x: Value, product: Value) => Value;
  /** Computes packed projections in f32 instead of rounding activations to 8 bits. */
  readonly exact?: boolean;
}

export interface DecoderInputs {
  /** f32 [B, T, H]: token embeddings, virtual tokens among them. */
  readonly embeddings: Value;
  /** int64 [B, T] */
  readonly positions: Value;
  /** int64 [R]: which of the B·T tokens are to be scored. */
  readonly rows: Value;
  /** Rows that stand before these tokens, per layer and in order: the cache, deep tokens. */
  readonly earlier: (layer: number) => readonly KeyValue[];
  /** How attention is written: the same sums, in the order of operations that suits the graph. */
  readonly attend: Attend;
}

export interface DecoderOutputs {
  /** f32 [R, H]: the wanted rows before the last norm. */
  readonly hidden: Value;
  /** The rows these tokens add to the cache, per layer. */
  readonly added: readonly KeyValue[];
}

/**
 * Writes a decoder (Llama and its relatives, GPT-2) into a graph. One function serves training, prefill and decoding: earlier keys and values are inputs,
 * scores against them and against the new rows are computed apart and joined, keys and values never are.
 * @see Touvron et al., arXiv 2302.13971; Ainslie et al., arXiv 2305.13245 (grouped queries)
 */
export class DecoderGraph {
  readonly graph: Graph;
  readonly #options: DecoderOptions;

  constructor(graph: Graph, options: DecoderOptions) {
    this.graph = graph;
    this.#options = options;
  }

  /** Rows of the embedding table: int64 [B, T] → f32 [B, T, H]. */
  embed(ids: Value): Value {
    const { graph } = this;
    const { weights, config } = this.#options;
    if (weights.has("embedding")) return gather(graph, this.#weight("embedding"), ids);
    // Blocks are fetched as they are, and only those become numbers.
    const perRow = config.width / BLOCK;
    const fetched = (name: string) => {
      const values = this.#weight(`embedding.${name}`);
      return gather(graph, reshape(graph, values, [config.vocabulary, perRow, 1]), ids);
    };
    const centred = this.#centred(gather(graph, this.#weight("embedding.blocks"), ids));
    const scaled = multiply(graph, centred, fetched("scales"));
    const rows = weights.has("embedding.offsets") ? add(graph, scaled, fetched("offsets")) : scaled;
    return reshape(graph, rows, [...ids.shape, config.width]);
  }

  /** Blocks of quantised values around 0: uint8 [..., bytes] → f32 [..., 32]. */
  #centred(blocks: Value): Value {
    const { graph } = this;
    if (blocks.shape.at(-1) === BLOCK) {
      return subtract(graph, cast(graph, blocks, "float32"), graph.scalar(128));
    }
    // A byte holds two values, the first in its low half.
    const pairs = Float32Array.from({ length: 512 }, (_, i) => ((i >> 1) >> (4 * (i & 1))) & 15);
    const table = graph.table(
      "nibbles",
      [256, 2],
      pairs.map((value) => value - 8),
    );
    const values = gather(graph, table, cast(graph, blocks, "int64"));
    return reshape(graph, values, [...blocks.shape.slice(0, -1), BLOCK]);
  }

  /** All layers. What follows the last attention is computed for the wanted rows only. */
  decode(inputs: DecoderInputs): DecoderOutputs {
    const { graph } = this;
    const { layers } = this.#options.config;
    const added: KeyValue[] = [];
    let hidden = this.#addPositions(inputs.embeddings, inputs.positions);
    for (let layer = 0; layer < layers; layer++) {
      const { mixed, added: own } = this.#attention(hidden, layer, inputs);
      added.push(own);
      const isLast = layer === layers - 1;
      const wanted = (x: Value) => (isLast ? gather(graph, flattenRows(graph, x), inputs.rows) : x);
      hidden = add(graph, wanted(hidden), this.linear(wanted(mixed), `layers.${layer}.o`));
      hidden = add(graph, hidden, this.#feedForward(hidden, layer));
    }
    return { hidden, added };
  }

  /** Next-token scores of chosen rows: hidden f32 [R, H] → f32 [R, V]. */
  logits(hidden: Value): Value {
    const normed = this.#norm(hidden, "norm");
    return this.linear(normed, this.#options.config.isTied ? "embedding" : "head");
  }

  /** x Wᵀ (+ bias) with the weight as the layout holds it. */
  linear(x: Value, name: string): Value {
    const { weights, adapt } = this.#options;
    const product = weights.has(name)
      ? matMul(this.graph, x, this.#weight(name), { transposeB: true })
      : this.#packedLinear(x, name);
    const bias = `${name}.bias`;
    const whole = weights.has(bias) ? add(this.graph, product, this.#weight(bias)) : product;
    return adapt ? adapt(this.graph, name, x, whole) : whole;
  }

  /** Turns rows f32 [B, heads, T, D] by the angles of their positions, where the family's positions are angles. */
  rotate(rows: Value, positions: Value): Value {
    if (this.#options.config.positions.kind === "learned") return rows;
    return rotate(this.graph, rows, positions, {
      cosines: this.#weight("rotary.cosines"),
      sines: this.#weight("rotary.sines"),
    });
  }

  #addPositions(embeddings: Value, positions: Value): Value {
    if (this.#options.config.positions.kind === "rotary") return embeddings;
    return add(
      this.graph,
      embeddings,
      gather(this.graph, this.#weight("positionEmbedding"), positions),
    );
  }

  #packedLinear(x: Value, name: string): Value {
    const { graph } = this;
    const { weights, exact = false } = this.#options;
    const blocks = this.#weight(`${name}.blocks`);
    const [rows, perRow, bytes] = blocks.shape as readonly [number, number, number];
    const matrix = {
      blocks,
      scales: this.#weight(`${name}.scales`),
      bits: bytes === BLOCK ? (8 as const) : (4 as const),
      rows,
      columns: perRow * BLOCK,
    };
    const product = packedMatMul(graph, x, matrix, exact);
    if (!weights.has(`${name}.offsets`)) return product;
    // Σ over a block of x · (scale·q + offset): the offset's share needs only the block's sum of x.
    const inBlocks = reshape(graph, x, [...x.shape.slice(0, -1), perRow, BLOCK]);
    const sums = sumOfLast(graph, inBlocks);
    const offsets = matMul(graph, sums, this.#weight(`${name}.offsets`), { transposeB: true });
    return add(graph, product, offsets);
  }

  /** f32 [B, T, H] → what the heads read, before their output projection: f32 [B, T, N·D]. */
  #attention(x: Value, layer: number, inputs: DecoderInputs): { mixed: Value; added: KeyValue } {
    const { graph } = this;
    const { heads, keyValueHeads, headDimension } = this.#options.config;
    const normed = this.#norm(x, `layers.${layer}.inputNorm`);
    const fused = this.linear(normed, `layers.${layer}.qkv`);
    const [q, k, value] = this.#splitHeads(fused, [heads, keyValueHeads, keyValueHeads]);
    const query = this.rotate(this.#headNorm(q!, layer, "queryNorm"), inputs.positions);
    const key = this.rotate(this.#headNorm(k!, layer, "keyNorm"), inputs.positions);
    const added = { key, value: value! };
    const read = inputs.attend(query, inputs.earlier(layer), added);
    const mixed = reshape(graph, transpose(graph, read, [0, 2, 1, 3]), [
      ...x.shape.slice(0, -1),
      heads * headDimension,
    ]);
    return { mixed, added };
  }

  /** f32 [B, T, ΣheadsᵢD] → for each i: f32 [B, headsᵢ, T, D]. */
  #splitHeads(fused: Value, counts: readonly number[]): readonly Value[] {
    const { graph } = this;
    const total = counts.reduce((sum, count) => sum + count, 0);
    const shape = [...fused.shape.slice(0, -1), total, this.#options.config.headDimension];
    const byHead = transpose(graph, reshape(graph, fused, shape), [0, 2, 1, 3]);
    return split(graph, byHead, 1, counts, graph.integers(counts));
  }

  #feedForward(x: Value, layer: number): Value {
    const { graph } = this;
    const { feedForward, activation } = this.#options.config;
    const normed = this.#norm(x, `layers.${layer}.feedForwardNorm`);
    if (activation !== "silu") {
      const wide = this.linear(normed, `layers.${layer}.up`);
      const active = activation === "gelu" ? gelu(graph, wide) : geluTanh(graph, wide);
      return this.linear(active, `layers.${layer}.down`);
    }
    const sizes = [feedForward, feedForward];
    const [gate, up] = split(
      graph,
      this.linear(normed, `layers.${layer}.gateUp`),
      x.shape.length - 1,
      sizes,
      graph.integers(sizes),
    );
    const gated = multiply(graph, silu(graph, gate!), up!);
    return this.linear(gated, `layers.${layer}.down`);
  }

  #norm(x: Value, name: string): Value {
    const { kind, epsilon } = this.#options.config.norm;
    const weight = this.#weight(name);
    if (kind === "rms") return rmsNorm(this.graph, x, weight, epsilon);
    return layerNorm(this.graph, x, { weight, bias: this.#weight(`${name}.bias`), epsilon });
  }

  #headNorm(x: Value, layer: number, name: string): Value {
    return this.#options.config.hasQueryKeyNorm ? this.#norm(x, `layers.${layer}.${name}`) : x;
  }

  #weight(name: string): Value {
    return this.#options.weights.weight(this.graph, name);
  }
}

/** [B, T, H] → [B·T, H]. */
const flattenRows = (graph: Graph, x: Value): Value => reshape(graph, x, ["B*T", x.shape[2]!]);
