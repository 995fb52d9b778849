import {
  attention,
  attentionBehind,
  cast,
  concat,
  dimensionOf,
  expand,
  Graph,
  gradients,
  logSoftmax,
  multiply,
  negate,
  pickPerRow,
  reduceSum,
  reshape,
  type Value,
} from "../graph/index.ts";
import { CausalBlocks } from "./causal-blocks.ts";
import type { Conditioning, LoraShape } from "./conditioning.ts";
import { type Attend, DecoderGraph, type DecoderOptions, type KeyValue } from "./decoder-graph.ts";
import { pastNames } from "./inference-graph.ts";
import { InputWeights } from "./input-weights.ts";
import { buildLora } from "./lora.ts";
import type { WeightLayout } from "./weight-layout.ts";

/**
 * What is trained: rows among the token embeddings ("virtual") or among every layer's keys and values ("deep", "prefix"), matrices
 * beside projections ("lora"), or all weights ("full").
 */
export type TrainingTarget =
  | { readonly kind: Exclude<Conditioning["kind"], "lora"> }
  | { readonly kind: "lora"; readonly shape: LoraShape };

export interface TrainingGraphOptions {
  readonly config: DecoderOptions["config"];
  readonly weights: WeightLayout;
  readonly target: TrainingTarget;
  /** How the rows of passages come in; undefined where there are none. */
  readonly past: "float16" | "float32" | undefined;
  /** Reads long texts without passages block by block, whose lengths come in as `blocks`. */
  readonly hasBlocks?: boolean;
}

/** Names of the inputs of one layer's deep tokens or prefix. */
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
 * `positions`, `mask` and the `past.*` rows as in the inference graph (unless `past` is undefined), `rows` int64 [R], `labels` int64 [R] the
 * tokens that should follow those rows, `labelWeights` f32 [R]. By target also: "deep" and "prefix" per layer `deep.L.key` and
 * `deep.L.value` f32 [KV heads, K', D], which stand between the past and the tokens, and "deep" `deepPositions` int64 [B, K'] that turn
 * its keys; "lora" the matrices of {@link buildLora}; "full" every weight, under its name in the layout.
 *
 * Outputs: `loss` f32 [] = Σ weight · −log p(label), and `gradient.<input>` of every trained input.
 */
export function buildTrainingGraph(options: TrainingGraphOptions): Graph {
  const { config, target } = options;
  const graph = new Graph();
  const lora = target.kind === "lora" ? buildLora(graph, config, target.shape) : undefined;
  const inputWeights = target.kind === "full" ? new InputWeights(options.weights) : undefined;
  const decoderOptions: DecoderOptions = {
    config,
    weights: inputWeights ?? options.weights,
    ...(lora ? { adapt: lora.adapt } : {}),
  };
  const decoder = new DecoderGraph(graph, decoderOptions);
  const before = graph.input("before", "int64", ["B", "I"]);
  const virtual = graph.input("virtual", "float32", ["K", config.width]);
  const after = graph.input("after", "int64", ["B", "J"]);
  const batch = dimensionOf(graph, before, 0);
  const lengths = { B: batch, K: dimensionOf(graph, virtual, 0) };
  const shared = expand(graph, virtual, ["B", "K", config.width], lengths);
  const deep = hasDeepRows(target) ? deepInputs(decoder, options, batch) : [];
  const hasEarlier = options.past !== undefined || deep.length > 0;
  const mask = graph.input("mask", "float32", ["B", 1, "T", hasEarlier ? "S+T" : "T"]);
  const { hidden } = decoder.decode({
    embeddings: concat(graph, [decoder.embed(before), shared, decoder.embed(after)], 1, "T"),
    positions: graph.input("positions", "int64", ["B", "T"]),
    attend: attendWith(graph, options, mask),
    earlier: (layer) => {
      const past = options.past ? [pastInput(graph, options, layer, options.past)] : [];
      return deep[layer] ? [...past, deep[layer].rows] : past;
    },
    rows: graph.input("rows", "int64", ["R"]),
  });
  const loss = crossEntropy(graph, decoder, hidden);
  const rows = deep.length > 0 ? deep.flatMap(({ inputs }) => inputs) : [virtual];
  const targets = lora?.inputs ?? inputWeights?.inputs ?? rows;
  graph.output("loss", loss);
  for (const [index, gradient] of gradients(graph, loss, graph.scalar(1), targets).entries()) {
    graph.output(gradientName(targets[index]!.name), gradient);
  }
  return graph;
}

/** The first of the earlier rows are frozen passages where there are any; long texts without are read block by block. */
function attendWith(graph: Graph, options: TrainingGraphOptions, mask: Value): Attend {
  if (options.hasBlocks) {
    const blocks = new CausalBlocks(graph, mask);
    return (query, earlier, own) => blocks.attend(query, earlier, own);
  }
  return (query, earlier, own) => {
    const [frozen, ...between] = earlier;
    if (!options.past || !frozen) return attention(graph, query, [...earlier, own], mask);
    const rest = [...between, own];
    const join = (pick: (rows: KeyValue) => Value) => concat(graph, rest.map(pick), 2, "K'+T");
    const live = { key: join(({ key }) => key), value: join(({ value }) => value) };
    return attentionBehind(graph, query, { frozen, live }, mask);
  };
}

/** Declares the passages' rows of a layer: [B, KV heads, S, D] each, f32 in the graph. */
function pastInput(
  graph: Graph,
  { config }: TrainingGraphOptions,
  layer: number,
  type: "float32" | "float16",
): KeyValue {
  const names = pastNames(layer);
  const shape = ["B", config.keyValueHeads, "S", config.headDimension];
  const input = (name: string) => cast(graph, graph.input(name, type, shape), "float32");
  return { key: input(names.key), value: input(names.value) };
}

const hasDeepRows = ({ kind }: TrainingTarget): boolean => kind === "deep" || kind === "prefix";

interface DeepLayer {
  readonly inputs: readonly [Value, Value];
  readonly rows: KeyValue;
}

/**
 * Deep keys are trained before rotation and turned to where they stand, so one prompt fits any length of passages. A prefix stands in
 * front of everything: its keys are trained as attention reads them.
 */
function deepInputs(
  decoder: DecoderGraph,
  { config, target }: TrainingGraphOptions,
  batch: Value,
): DeepLayer[] {
  const { graph } = decoder;
  const { keyValueHeads, headDimension } = config;
  const spread = (rows: Value) =>
    expand(graph, rows, ["B", keyValueHeads, "K'", headDimension], {
      B: batch,
      "K'": dimensionOf(graph, rows, 1),
    });
  const positions =
    target.kind === "deep" ? graph.input("deepPositions", "int64", ["B", "K'"]) : undefined;
  const placed = (key: Value) => (positions ? decoder.rotate(spread(key), positions) : spread(key));
  return Array.from({ length: config.layers }, (_, layer) => {
    const names = deepNames(layer);
    const shape = [keyValueHeads, "K'", headDimension];
    const key = graph.input(names.key, "float32", shape);
    const value = graph.input(names.value, "float32", shape);
    return { inputs: [key, value], rows: { key: placed(key), value: spread(value) } };
  });
}

/** Only rows with a label are scored: the vocabulary is the widest matrix of a small model. hidden: f32 [R, H]. */
function crossEntropy(graph: Graph, decoder: DecoderGraph, hidden: Value): Value {
  const labels = graph.input("labels", "int64", ["R"]);
  const weights = graph.input("labelWeights", "float32", ["R"]);
  const logits = decoder.logits(hidden);
  const picked = pickPerRow(graph, logSoftmax(graph, logits), labels);
  const weighted = multiply(graph, reshape(graph, picked, ["R"]), weights);
  return reshape(graph, negate(graph, reduceSum(graph, weighted, [0])), []);
}
