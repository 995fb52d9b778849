import type { Graph } from "../graph.ts";
import type { Dimension, Value } from "../value.ts";
import { add, multiply, subtract } from "./arithmetic.ts";
import { matMul } from "./matmul.ts";
import { reduceSum } from "./reduce.ts";
import { columnsFrom, concat, dimensionOf, reshape, split } from "./shape.ts";
import { softmax } from "./softmax.ts";

/** A run of keys and values: f32 [B, G, rows, D] each, G the key/value heads. */
export interface KeyValueRows {
  readonly key: Value;
  readonly value: Value;
}

/**
 * softmax(q·kᵀ/√D + mask)·v over several runs of keys and values, none of which is copied: scores against each are
 * computed apart and joined.
 * query: f32 [B, N, T, D], N a multiple of G; mask: f32 [B, 1, T, S], S all rows together → f32 [B, N, T, D].
 * @see {@link scoreGradients} for its derivative
 */
export function attention(
  graph: Graph,
  query: Value,
  runs: readonly KeyValueRows[],
  mask: Value,
): Value {
  const heads = new HeadGroups(graph, query, runs[0]!.key.shape[1] as number);
  let q: Value;
  let weights: readonly Value[];
  let output: Value;
  const write = () => {
    q = heads.group(query);
    const scores = concat(
      graph,
      runs.map(({ key }) => matMul(graph, q, key, { transposeB: true, scale: heads.scale })),
      3,
      mask.shape[3]!,
    );
    weights = splitByRun(graph, heads.softmax(scores, mask), runs);
    output = weights
      .map((part, index) => matMul(graph, part, runs[index]!.value))
      .reduce((sum, part) => add(graph, sum, part));
    return heads.ungroup(output);
  };
  const gradient = (dy: Value, needs: readonly boolean[]) => {
    const dOutput = heads.group(dy);
    const level = rowSums(graph, dOutput, output);
    const dScores = weights.map((part, index) =>
      scoreGradients(graph, part, matMul(graph, dOutput, runs[index]!.value, BY_VALUE), level),
    );
    const dQuery = () =>
      dScores
        .map((ds, index) => matMul(graph, ds, runs[index]!.key, { scale: heads.scale }))
        .reduce((sum, part) => add(graph, sum, part));
    return [
      needs[0] ? heads.ungroup(dQuery()) : undefined,
      ...runs.flatMap((_, index) => [
        needs[1 + 2 * index]
          ? matMul(graph, dScores[index]!, q, { transposeA: true, scale: heads.scale })
          : undefined,
        needs[2 + 2 * index]
          ? matMul(graph, weights[index]!, dOutput, { transposeA: true })
          : undefined,
      ]),
    ];
  };
  return graph.block("Attention", [query, ...flatten(runs)], write, gradient);
}

/**
 * The same over `frozen` rows and then `live` ones, of which only the live are differentiated. The rows are joined first: a copy
 * of them, in exchange for one score matrix that is never joined nor split, which pays when the derivative is taken too.
 */
export function attentionBehind(
  graph: Graph,
  query: Value,
  rows: { readonly frozen: KeyValueRows; readonly live: KeyValueRows },
  mask: Value,
): Value {
  const { frozen, live } = rows;
  const heads = new HeadGroups(graph, query, live.key.shape[1] as number);
  const join = (a: Value, b: Value) => concat(graph, [a, b], 2, mask.shape[3]!);
  let q: Value;
  let joined: KeyValueRows;
  let weights: Value;
  let output: Value;
  const write = () => {
    q = heads.group(query);
    joined = { key: join(frozen.key, live.key), value: join(frozen.value, live.value) };
    const scores = matMul(graph, q, joined.key, { transposeB: true, scale: heads.scale });
    weights = heads.softmax(scores, mask);
    output = matMul(graph, weights, joined.value);
    return heads.ungroup(output);
  };
  const gradient = (dy: Value, [needsQuery, needsKey, needsValue]: readonly boolean[]) => {
    const dOutput = heads.group(dy);
    const level = rowSums(graph, dOutput, output);
    const ds = scoreGradients(
      graph,
      weights,
      matMul(graph, dOutput, joined.value, BY_VALUE),
      level,
    );
    const start = dimensionOf(graph, frozen.key, 2);
    const own = (x: Value) => columnsFrom(graph, x, start, live.key.shape[2]!);
    const { scale } = heads;
    return [
      needsQuery ? heads.ungroup(matMul(graph, ds, joined.key, { scale })) : undefined,
      needsKey ? matMul(graph, own(ds), q, { transposeA: true, scale }) : undefined,
      needsValue ? matMul(graph, own(weights), dOutput, { transposeA: true }) : undefined,
    ];
  };
  return graph.block("Attention", [query, live.key, live.value], write, gradient);
}

/**
 * ds = p ⊙ (dy·vᵀ − Σ dy ⊙ y), for the columns p of one run: the row sum makes runs independent of each other. Then
 * dq = Σ ds·k/√D, dk = dsᵀ·q/√D, dv = pᵀ·dy, and what is frozen costs nothing.
 * @see Dao et al., arXiv 2205.14135, appendix B.2
 */
const scoreGradients = (graph: Graph, weights: Value, dWeights: Value, level: Value): Value =>
  multiply(graph, weights, subtract(graph, dWeights, level));

const BY_VALUE = { transposeB: true };

/** Σ dy ⊙ y over the last axis, kept as a dimension of length 1. */
const rowSums = (graph: Graph, dy: Value, y: Value): Value =>
  reduceSum(graph, multiply(graph, dy, y), [-1]);

/** Query heads that share a key/value head, laid under one another: [B, N, T, D] and [B, G, N/G·T, D]. */
class HeadGroups {
  readonly scale: number;
  readonly #graph: Graph;
  readonly #batch: Dimension;
  readonly #heads: Dimension;
  readonly #tokens: Dimension;
  readonly #groups: number;
  readonly #rows: Dimension;

  constructor(graph: Graph, query: Value, groups: number) {
    const [batch, heads, tokens, dimension] = query.shape;
    const share = (heads as number) / groups;
    this.#graph = graph;
    this.#batch = batch!;
    this.#heads = heads!;
    this.#tokens = tokens!;
    this.#groups = groups;
    this.#rows = share === 1 ? tokens! : `${share}*${tokens}`;
    this.scale = 1 / Math.sqrt(dimension as number);
  }

  group(x: Value): Value {
    return reshape(this.#graph, x, [this.#batch, this.#groups, this.#rows, x.shape[3]!]);
  }

  ungroup(x: Value): Value {
    return reshape(this.#graph, x, [this.#batch, this.#heads, this.#tokens, x.shape[3]!]);
  }

  softmax(scores: Value, mask: Value): Value {
    return this.group(softmax(this.#graph, add(this.#graph, this.ungroup(scores), mask)));
  }
}

const flatten = (runs: readonly KeyValueRows[]): Value[] =>
  runs.flatMap(({ key, value }) => [key, value]);

/** f32 [B, G, rows, S] → the columns of each run. */
function splitByRun(graph: Graph, x: Value, runs: readonly KeyValueRows[]): readonly Value[] {
  if (runs.length === 1) return [x];
  const sizes = runs.map(({ key }) => key.shape[2]!);
  const lengths = runs.map(({ key }) => dimensionOf(graph, key, 2));
  return split(graph, x, 3, sizes, concat(graph, lengths, 0, sizes.length));
}
