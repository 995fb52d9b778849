import {
  argMax,
  cast,
  concat,
  Graph,
  gather,
  HeadwiseAttention,
  logSumExp,
  multiply,
  reduceSum,
  topK,
  transpose,
  type Value,
} from "../graph/index.ts";
import { DecoderGraph, type DecoderOptions, type KeyValue } from "./decoder-graph.ts";

/** How many of the likeliest tokens a run gives back; the whole vocabulary crosses only when these do not decide. */
export const CANDIDATES = 64;

/** Names of the cache inputs of one layer. */
export const pastNames = (layer: number) => ({
  key: `past.${layer}.key`,
  value: `past.${layer}.value`,
});

/**
 * The frozen model for prefill and decoding.
 *
 * Inputs: `virtual` f32 [B, K, H] and `ids` int64 [B, I] (either may have length 0; T = K + I), `positions` int64 [B, T],
 * `mask` f32 [B, 1, T, S + T], `rows` int64 [R] (which of the B·T tokens to score), `drawn` int64 [Q], Q at least 1 (of which of these R
 * the candidates are wanted), `inverseTemperatures` f32 [Q, 1], and per layer `past.L.key`, `past.L.value` f32 [B, KV heads, 1, S, D].
 *
 * Outputs: `token` int64 [R] the most likely next token, `logits` f32 [R, V]; of the drawn rows `candidates` int64 [Q, C], the
 * likeliest first, their `candidateLogits` f32 [Q, C], `logSum` f32 [Q] = log Σ exp(logits) over the vocabulary and `scaledLogSum` the
 * same of logits / temperature; with `observesAttention` how much the scored rows attend to each row, `attention` f32 [layers, B, 1, 1,
 * S + T], summed over heads and scored rows; and the new cache rows `added` f32 (`addedHalf` f16) [B, layers · 2 · KV heads, T, D]: keys, then values, of each layer in turn.
 */
export function buildInferenceGraph(
  options: DecoderOptions & { readonly observesAttention?: boolean },
  graph: Graph = new Graph(),
): Graph {
  const decoder = new DecoderGraph(graph, options);
  const { width } = options.config;
  const virtual = graph.input("virtual", "float32", ["B", "K", width]);
  const ids = graph.input("ids", "int64", ["B", "I"]);
  const mask = graph.input("mask", "float32", ["B", 1, "T", "S+T"]);
  const rows = graph.input("rows", "int64", ["R"]);
  const observed: Value[] = [];
  const observe = (weights: Value) => {
    const byRow = transpose(graph, reduceSum(graph, weights, [1, 2]), [3, 0, 1, 2, 4]);
    observed.push(reduceSum(graph, gather(graph, byRow, rows), [0]));
  };
  const attention = new HeadwiseAttention(
    graph,
    mask,
    options.observesAttention ? observe : undefined,
  );
  const { hidden, added } = decoder.decode({
    embeddings: concat(graph, [virtual, decoder.embed(ids)], 1, "T"),
    positions: graph.input("positions", "int64", ["B", "T"]),
    earlier: (layer) => [cacheInput(graph, options, layer)],
    attend: (query, [cached], own) => attention.attend(query, cached!, own),
    rows,
  });
  if (observed.length > 0) graph.output("attention", concat(graph, observed, 0, observed.length));
  const logits = decoder.logits(hidden);
  graph.output("logits", logits);
  graph.output("token", argMax(graph, logits));
  outputCandidates(graph, logits, Math.min(CANDIDATES, options.config.vocabulary));
  const all = concat(
    graph,
    added.flatMap(({ key, value }) => [key, value]),
    1,
    options.config.layers * 2 * options.config.keyValueHeads,
  );
  graph.output("added", all);
  graph.output("addedHalf", cast(graph, all, "float16"));
  return graph;
}

function outputCandidates(graph: Graph, logits: Value, count: number): void {
  const drawn = gather(graph, logits, graph.input("drawn", "int64", ["Q"]));
  const inverse = graph.input("inverseTemperatures", "float32", ["Q", 1]);
  const { values, indices } = topK(graph, drawn, count);
  graph.output("candidates", indices);
  graph.output("candidateLogits", values);
  graph.output("logSum", logSumExp(graph, drawn));
  graph.output("scaledLogSum", logSumExp(graph, multiply(graph, drawn, inverse)));
}

/** Declares the cache inputs of a layer. */
function cacheInput(graph: Graph, { config }: DecoderOptions, layer: number): KeyValue {
  const names = pastNames(layer);
  const shape = ["B", config.keyValueHeads, 1, "S", config.headDimension];
  return {
    key: graph.input(names.key, "float32", shape),
    value: graph.input(names.value, "float32", shape),
  };
}
