import type { Graph } from "../graph.ts";
import type { Value } from "../value.ts";
import { add, multiply } from "./arithmetic.ts";
import type { KeyValueRows } from "./attention.ts";
import { matMul } from "./matmul.ts";
import { concat, dimensionOf, reshape, split, unsqueeze } from "./shape.ts";
import { softmax } from "./softmax.ts";

/**
 * Attention for decoding: softmax(q·kᵀ/√D + mask)·v over rows from a cache and a token's own, neither of which is copied. Every query head
 * multiplies by itself: ONNX Runtime multiplies one row by a matrix as the matrix lies there, and copies it for more
 * rows, which for a token behind a long cache costs more than the product. It has no gradient.
 */
export class HeadwiseAttention {
  readonly #graph: Graph;
  /** f32 [B, 1, 1, T, S + T] */
  readonly #mask: Value;
  readonly #observe: ((weights: Value) => void) | undefined;
  /** int64 [2]: S and T, the same in all layers. */
  #lengths: Value | undefined;

  /**
   * mask: f32 [B, 1, T, S + T], added to the scores. `observe` is told the weights of each use: f32 [B, G, N / G, T, S + T], whose rows
   * sum to 1.
   */
  constructor(graph: Graph, mask: Value, observe?: (weights: Value) => void) {
    this.#graph = graph;
    this.#observe = observe;
    this.#mask = unsqueeze(graph, mask, 1);
  }

  /**
   * query: f32 [B, N, T, D]; cached: f32 [B, G, 1, S, D] each, N a multiple of G; own: f32 [B, G, T, D] each → f32 [B, N, T, D].
   */
  attend(query: Value, cached: KeyValueRows, own: KeyValueRows): Value {
    const graph = this.#graph;
    const [batch, heads, tokens, dimension] = query.shape as readonly [
      string,
      number,
      string,
      number,
    ];
    const groups = own.key.shape[1] as number;
    const runs = [
      cached,
      { key: unsqueeze(graph, own.key, 2), value: unsqueeze(graph, own.value, 2) },
    ];
    // The product's own factor would cost the way for one row.
    const scaled = multiply(graph, query, graph.scalar(1 / Math.sqrt(dimension)));
    const q = reshape(graph, scaled, [batch, groups, heads / groups, tokens, dimension]);
    const scores = concat(
      graph,
      runs.map(({ key }) => matMul(graph, q, key, { transposeB: true })),
      4,
      this.#mask.shape[4]!,
    );
    const weights = softmax(graph, add(graph, scores, this.#mask));
    this.#observe?.(weights);
    const read = this.#splitByRun(weights, runs)
      .map((part, index) => matMul(graph, part, runs[index]!.value))
      .reduce((sum, part) => add(graph, sum, part));
    return reshape(graph, read, query.shape);
  }

  #splitByRun(weights: Value, runs: readonly KeyValueRows[]): readonly Value[] {
    const graph = this.#graph;
    const lengths = runs.map(({ key }) => dimensionOf(graph, key, 3));
    this.#lengths ??= concat(graph, lengths, 0, lengths.length);
    const sizes = runs.map(({ key }) => key.shape[3]!);
    return split(graph, weights, 4, sizes, this.#lengths);
  }
}
