import { add, type Graph, matMul, unsqueeze, type Value } from "../graph/index.ts";
import { floats, type Tensor } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";

/**
 * A change of low rank of every layer's queries: q becomes q + 2·B·A·x, with x what the projections read. It is LoRA on the query
 * projection, but for the tokens behind the passages alone, so that the passages' keys and values stay the frozen model's.
 * @see Hu et al., arXiv 2106.09685; Greenewald et al., arXiv 2504.12397 (LoRA that begins within a context)
 */
export interface QueryChange {
  readonly rank: number;
  /** A of each layer: f32 [rank, H]. */
  readonly down: readonly Float32Array[];
  /** B of each layer: f32 [N·D, rank]. */
  readonly up: readonly Float32Array[];
}

/** The two matrices of one layer in a graph: f32 [rank, H] and [N, D, rank], or one of each for every sequence of a batch in front. */
export interface QueryMatrices {
  readonly down: Value;
  readonly up: Value;
}

/** LoRA's alpha / rank. */
const SCALE = 2;

/** Names of the inputs of one layer's matrices. */
export const queryNames = (layer: number) => ({
  down: `queries.${layer}.down`,
  up: `queries.${layer}.up`,
});

/** Declares the matrices of one layer: for the whole batch, or with `perSequence` for each sequence its own, all of one rank. */
export function queryInputs(
  graph: Graph,
  { width, heads, headDimension }: DecoderConfig,
  layer: number,
  { rank, perSequence }: { readonly rank: number | string; readonly perSequence: boolean },
): QueryMatrices {
  const names = queryNames(layer);
  const batch = perSequence ? ["B"] : [];
  return {
    down: graph.input(names.down, "float32", [...batch, rank, width]),
    up: graph.input(names.up, "float32", [...batch, heads, headDimension, rank]),
  };
}

/** query f32 [B, N, T, D], changed by what x f32 [B, T, H] says. */
export function changeQueries(
  graph: Graph,
  query: Value,
  x: Value,
  { down, up }: QueryMatrices,
): Value {
  const narrow = matMul(graph, x, down, { transposeB: true });
  const forHeads = unsqueeze(graph, narrow, 1);
  return add(graph, query, matMul(graph, forHeads, up, { transposeB: true, scale: SCALE }));
}

/**
 * The matrices of each sequence of a batch, filled with zeros to the highest rank among them, which is 1 at least: ONNX Runtime does not
 * set a product over no columns to 0.
 */
export function queryFeeds(
  { layers, width, heads, headDimension }: DecoderConfig,
  changes: readonly (QueryChange | undefined)[],
): Record<string, Tensor> {
  const rank = Math.max(1, ...changes.map((change) => change?.rank ?? 0));
  const feeds: Record<string, Tensor> = {};
  for (let layer = 0; layer < layers; layer++) {
    const down = new Float32Array(changes.length * rank * width);
    const up = new Float32Array(changes.length * heads * headDimension * rank);
    for (const [index, change] of changes.entries()) {
      if (!change) continue;
      down.set(change.down[layer]!, index * rank * width);
      const rows = heads * headDimension;
      for (let row = 0; row < rows; row++) {
        const own = change.up[layer]!.subarray(row * change.rank, (row + 1) * change.rank);
        up.set(own, (index * rows + row) * rank);
      }
    }
    const names = queryNames(layer);
    feeds[names.down] = floats(down, [changes.length, rank, width]);
    feeds[names.up] = floats(up, [changes.length, heads, headDimension, rank]);
  }
  return feeds;
}
