import { Graph, gather, reshape, tanh } from "../../graph/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import type { BertConfig } from "../bert/bert-config.ts";
import { BertLayers } from "../bert/bert-layers.ts";

/**
 * BERT with a pooler and a classification head of one label: how well two texts go together.
 *
 * Inputs: `ids` and `kinds` int64 [B, T] (kind 0 up to the first [SEP], 1 after it), `positions` int64 [T], `starts` int64 [B], where each
 * row begins among the B·T tokens, and `mask` f32 [B, 1, 1, T], 0 for a token and very negative for padding. Output: `score` f32 [B, 1],
 * the label's logit.
 * @see Devlin et al., arXiv 1810.04805; Nogueira and Cho, arXiv 1901.04085 (passage re-ranking)
 */
export function buildCrossEncoderGraph(config: BertConfig, file: WeightFile): Graph {
  const graph = new Graph();
  const bert = new BertLayers(graph, { config, file, precision: "f32" });
  const ids = graph.input("ids", "int64", ["B", "T"]);
  const kinds = graph.input("kinds", "int64", ["B", "T"]);
  const positions = graph.input("positions", "int64", ["T"]);
  const mask = graph.input("mask", "float32", ["B", 1, 1, "T"]);
  let hidden = bert.embed(ids, positions, kinds);
  for (let layer = 0; layer < config.layers; layer++) hidden = bert.layer(hidden, mask, layer);
  const { width } = config;
  const starts = graph.input("starts", "int64", ["B"]);
  const first = gather(graph, reshape(graph, hidden, ["B*T", width]), starts);
  const pooled = tanh(graph, bert.linear(first, "pooler.dense", width, width));
  graph.output("score", bert.linear(pooled, "classifier", 1, width));
  return graph;
}
