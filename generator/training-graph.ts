import {
  concat,
  dimensionOf,
  expand,
  Graph,
  gather,
  gradients,
  logSoftmax,
  multiply,
  negate,
  pickPerRow,
  reduceSum,
  reshape,
  type Value,
} from "../graph/index.ts";
import { DecoderGraph, type DecoderOptions, type KeyValue } from "./decoder-graph.ts";
import { flattenRows, pastInput } from "./inference-graph.ts";

/** What is trained: rows among the token embeddings, or rows among every layer's keys and values. */
export type TrainingTarget = "virtual" | "deep";

/** Names of the deep-token inputs of one layer. */
export const deepNames = (layer: number) => ({
  key: `deep.${layer}.key`,
  value: `deep.${layer}.value`,
});

/** The output that holds the gradient of an input. */
export const gradientName = (input: string) => `gradient.${input}`;

/**
 * The frozen model with its loss and the gradient of what is trained, computed together.
 *
 * Inputs: `before` int64 [B, I], `virtual` f32 [K, H] and `after` int64 [B, J] (T = I + K + J tokens in this order),
 * `positions`, `mask` and the `past.*` rows as in the inference graph (f16 when `halfPast`), `rows` int64 [R], `labels` int64 [R] the
 * tokens that should follow those rows, `labelWeights` f32 [R]; with target "deep" also `deepPositions` int64 [B, K'] and per layer
 * `deep.L.key` (not rotated) and `deep.L.value` f32 [KV heads, K', D], which stand between the past and the tokens.
 *
 * Outputs: `loss` f32 [] = Σ weight · −log p(label), and `gradient.<input>` of `virtual` or of every `deep.*` input.
 */
export function buildTrainingGraph(
  options: DecoderOptions & { readonly target: TrainingTarget; readonly halfPast: boolean },
): Graph {
  const graph = new Graph();
  const decoder = new DecoderGraph(graph, options);
  const before = graph.input("before", "int64", ["B", "I"]);
  const virtual = graph.input("virtual", "float32", ["K", options.config.width]);
  const after = graph.input("after", "int64", ["B", "J"]);
  const batch = dimensionOf(graph, before, 0);
  const lengths = { B: batch, K: dimensionOf(graph, virtual, 0) };
  const shared = expand(graph, virtual, ["B", "K", options.config.width], lengths);
  const deep = options.target === "deep" ? deepInputs(decoder, options, batch) : [];
  const { hidden } = decoder.decode({
    embeddings: concat(graph, [decoder.embed(before), shared, decoder.embed(after)], 1, "T"),
    positions: graph.input("positions", "int64", ["B", "T"]),
    mask: graph.input("mask", "float32", ["B", 1, "T", "S+T"]),
    earlier: (layer) => {
      const past = pastInput(graph, options, layer, options.halfPast ? "float16" : "float32");
      return deep[layer] ? [past, deep[layer].rows] : [past];
    },
  });
  const loss = crossEntropy(graph, decoder, hidden);
  const targets = options.target === "deep" ? deep.flatMap(({ inputs }) => inputs) : [virtual];
  graph.output("loss", loss);
  for (const [index, gradient] of gradients(graph, loss, graph.scalar(1), targets).entries()) {
    graph.output(gradientName(targets[index]!.name), gradient);
  }
  return graph;
}

interface DeepLayer {
  readonly inputs: readonly [Value, Value];
  readonly rows: KeyValue;
}

/** Keys are trained before rotation and turned to where they stand, so one prompt fits any length of passages. */
function deepInputs(decoder: DecoderGraph, { config }: DecoderOptions, batch: Value): DeepLayer[] {
  const { graph } = decoder;
  const positions = graph.input("deepPositions", "int64", ["B", "K'"]);
  const { keyValueHeads, headDimension } = config;
  const lengths = { B: batch, "K'": dimensionOf(graph, positions, 1) };
  const spread = (rows: Value) =>
    expand(graph, rows, ["B", keyValueHeads, "K'", headDimension], lengths);
  return Array.from({ length: config.layers }, (_, layer) => {
    const names = deepNames(layer);
    const shape = [keyValueHeads, "K'", headDimension];
    const key = graph.input(names.key, "float32", shape);
    const value = graph.input(names.value, "float32", shape);
    const rows = { key: decoder.rotate(spread(key), positions), value: spread(value) };
    return { inputs: [key, value], rows };
  });
}

/** Only rows with a label are scored: the vocabulary is the widest matrix of a small model. */
function crossEntropy(graph: Graph, decoder: DecoderGraph, hidden: Value): Value {
  const rows = graph.input("rows", "int64", ["R"]);
  const labels = graph.input("labels", "int64", ["R"]);
  const weights = graph.input("labelWeights", "float32", ["R"]);
  const logits = decoder.logits(gather(graph, flattenRows(graph, hidden), rows));
  const picked = pickPerRow(graph, logSoftmax(graph, logits), labels);
  const weighted = multiply(graph, reshape(graph, picked, ["R"]), weights);
  return reshape(graph, negate(graph, reduceSum(graph, weighted, [0])), []);
}
