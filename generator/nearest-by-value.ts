import { add, encodeOnnx, Graph, matMul, rmsNorm } from "../graph/index.ts";
import { floats, openWeights, Session } from "../runtime/index.ts";
import { planModel } from "./families/index.ts";
import type { DecoderSource } from "./model.ts";
import { NearestTokens, type NearToken } from "./nearest-tokens.ts";
import { WeightParts } from "./weight-parts.ts";

/** So many tokens' values are in memory at a time. */
const BLOCK_TOKENS = 4096;

/**
 * The `count` tokens whose values at the first layer point most nearly the same way as each row. There a value depends on its token alone:
 * not on the tokens before it, as further up, nor on its place, as keys do. Undefined for models that add places to the embeddings
 * (GPT-2), where it does.
 * rows: f32 [KV heads, K, D] → for each of the K, nearest first.
 * @throws RagError model/invalid, engine/failed
 */
export async function nearestByValue(
  model: DecoderSource,
  rows: Float32Array,
  count: number,
): Promise<readonly (readonly NearToken[])[] | undefined> {
  const { config } = model;
  if (config.positions.kind !== "rotary") return undefined;
  const { width, keyValueHeads, headDimension } = config;
  const near = new NearestTokens(joinHeads(rows, config), keyValueHeads * headDimension, count);
  const { embeddings, ...weights } = readFirstLayer(model);
  const session = await Session.create(encodeOnnx(valuesGraph(model)));
  try {
    session.bind(weights);
    for (let first = 0; first * width < embeddings.length; first += BLOCK_TOKENS) {
      const some = embeddings.subarray(first * width, (first + BLOCK_TOKENS) * width);
      const { values } = await session.run({ x: floats(some, [some.length / width, width]) });
      near.add(first, values!.data as Float32Array);
    }
  } finally {
    await session.close();
  }
  return near.found;
}

/** Embeddings f32 [n, H] → values f32 [n, KV heads · D]. */
function valuesGraph({ config }: DecoderSource): Graph {
  const { width, keyValueHeads, headDimension, norm } = config;
  const rowWidth = keyValueHeads * headDimension;
  const graph = new Graph();
  const x = graph.input("x", "float32", ["n", width]);
  const scale = graph.input("scale", "float32", [width]);
  const weight = graph.input("weight", "float32", [rowWidth, width]);
  const bias = graph.input("bias", "float32", [rowWidth]);
  const product = matMul(graph, rmsNorm(graph, x, scale, norm.epsilon), weight, {
    transposeB: true,
  });
  graph.output("values", add(graph, product, bias));
  return graph;
}

/** The embedding table f32 [V, H], and what the graph of values is bound to. */
function readFirstLayer({ config, weightsPath }: DecoderSource) {
  const { projections, plain } = planModel(config);
  const embedding = projections.find(({ name }) => name === "embedding")!;
  const fused = projections.find(({ name }) => name === "layers.0.qkv")!;
  const value = { ...fused, parts: fused.parts.slice(-1) }; // queries, keys, values
  const norm = plain.find(({ name }) => name === "layers.0.inputNorm")!;
  const rowWidth = config.keyValueHeads * config.headDimension;
  const file = openWeights(weightsPath);
  try {
    const plan = { projections: [embedding, value], plain: [norm] };
    const parts = new WeightParts(file, config, plan);
    return {
      embeddings: parts.matrix(embedding),
      scale: floats(parts.plain(norm.tensor, norm.shape), norm.shape),
      weight: floats(parts.matrix(value), [rowWidth, config.width]),
      bias: floats(parts.bias(value) ?? new Float32Array(rowWidth), [rowWidth]),
    };
  } finally {
    file.close();
  }
}

/** f32 [heads, K, D] → [K, heads · D]. */
function joinHeads(
  rows: Float32Array,
  { keyValueHeads: heads, headDimension }: DecoderSource["config"],
): Float32Array {
  const count = rows.length / (heads * headDimension);
  const joined = new Float32Array(rows.length);
  for (let head = 0; head < heads; head++) {
    for (let token = 0; token < count; token++) {
      const from = (head * count + token) * headDimension;
      const row = rows.subarray(from, from + headDimension);
      joined.set(row, (token * heads + head) * headDimension);
    }
  }
  return joined;
}
