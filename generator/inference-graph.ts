import { argMax, cast, concat, Graph } from "../graph/index.ts";
import { DecoderGraph, type DecoderOptions, type KeyValue } from "./decoder-graph.ts";

/** Names of the cache inputs of one layer. */
export const pastNames = (layer: number) => ({
  key: `past.${layer}.key`,
  value: `past.${layer}.value`,
});

/**
 * The frozen model for prefill and decoding.
 *
 * Inputs: `virtual` f32 [B, K, H] and `ids` int64 [B, I] (either may have length 0; T = K + I), `positions` int64 [B, T],
 * `mask` f32 [B, 1, T, S + T], `rows` int64 [R] (which of the B·T tokens to score), and per layer `past.L.key`,
 * `past.L.value` f32 [B, KV heads, S, D].
 *
 * Outputs: `token` int64 [R] the most likely next token, `logits` f32 [R, V], and the new cache rows
 * `added` f32 (`addedHalf` f16) [B, layers · 2 · KV heads, T, D]: keys, then values, of each layer in turn.
 */
export function buildInferenceGraph(options: DecoderOptions, graph: Graph = new Graph()): Graph {
  const decoder = new DecoderGraph(graph, options);
  const { width } = options.config;
  const virtual = graph.input("virtual", "float32", ["B", "K", width]);
  const ids = graph.input("ids", "int64", ["B", "I"]);
  const { hidden, added } = decoder.decode({
    embeddings: concat(graph, [virtual, decoder.embed(ids)], 1, "T"),
    positions: graph.input("positions", "int64", ["B", "T"]),
    mask: graph.input("mask", "float32", ["B", 1, "T", "S+T"]),
    earlier: (layer) => [pastInput(graph, options, layer, "float32")],
    rows: graph.input("rows", "int64", ["R"]),
  });
  const logits = decoder.logits(hidden);
  graph.output("logits", logits);
  graph.output("token", argMax(graph, logits));
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

/** Declares the cache inputs of a layer. */
export function pastInput(
  graph: Graph,
  { config }: DecoderOptions,
  layer: number,
  type: "float32" | "float16",
): KeyValue {
  const names = pastNames(layer);
  const shape = ["B", config.keyValueHeads, "S", config.headDimension];
  const input = (name: string) => cast(graph, graph.input(name, type, shape), "float32");
  return { key: input(names.key), value: input(names.value) };
}
