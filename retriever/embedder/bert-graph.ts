import {
  add,
  divide,
  Graph,
  multiply,
  reduceSum,
  reshape,
  sqrt,
  sumOfSquares,
  type Value,
} from "../../graph/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import type { BertConfig, Precision } from "../bert/bert-config.ts";
import { BertLayers } from "../bert/bert-layers.ts";

/** Keeps a text without tokens from dividing by zero, as in the reference. */
const SMALLEST_COUNT = 1e-9;
const SMALLEST_NORM = 1e-12;

/**
 * BERT with mean pooling: sentence embeddings of length 1.
 *
 * Inputs: `ids` int64 [B, T] and `weights` f32 [B, T, 1], a token's share in the mean, and `mask` f32 [B, 1, 1, T], 0 for a
 * token and very negative for padding. Output: `embedding` f32 [B, D], D = H.
 * @see Devlin et al., arXiv 1810.04805; Reimers and Gurevych, arXiv 1908.10084 (mean pooling)
 */
export function buildBertGraph(
  config: BertConfig,
  file: WeightFile,
  precision: Precision = "f32",
): Graph {
  const graph = new Graph();
  const bert = new BertLayers(graph, { config, file, precision });
  const ids = graph.input("ids", "int64", ["B", "T"]);
  const positions = graph.input("positions", "int64", ["T"]);
  const mask = graph.input("mask", "float32", ["B", 1, 1, "T"]);
  // One text at a time is embedded, so every token is of the first kind.
  let hidden = bert.embed(ids, positions, graph.integers([0]));
  for (let layer = 0; layer < config.layers; layer++) hidden = bert.layer(hidden, mask, layer);
  const weights = graph.input("weights", "float32", ["B", "T", 1]);
  graph.output("embedding", normalise(graph, meanPool(graph, hidden, weights), config.width));
  return graph;
}

/** Σ w·x / Σ w over the tokens: [B, T, H] → [B, H]. */
function meanPool(graph: Graph, hidden: Value, weights: Value): Value {
  const sum = reduceSum(graph, multiply(graph, hidden, weights), [1]);
  const count = add(graph, reduceSum(graph, weights, [1]), graph.scalar(SMALLEST_COUNT));
  return divide(graph, sum, count);
}

function normalise(graph: Graph, pooled: Value, width: number): Value {
  const norm = add(graph, sqrt(graph, sumOfSquares(graph, pooled)), graph.scalar(SMALLEST_NORM));
  return reshape(graph, divide(graph, pooled, norm), ["B", width]);
}
