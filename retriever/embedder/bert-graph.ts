import { RagError } from "../../core/index.ts";
import {
  add,
  byteMatMul,
  divide,
  Graph,
  gather,
  gelu,
  layerNorm,
  matMul,
  multiply,
  reduceSum,
  reshape,
  softmax,
  sqrt,
  sumOfSquares,
  transpose,
  type Value,
} from "../../graph/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import type { BertConfig, Precision } from "./bert-config.ts";
import { toBytes } from "./byte-weights.ts";

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
  let hidden = bert.embed(ids, positions);
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

class BertLayers {
  readonly #graph: Graph;
  readonly #config: BertConfig;
  readonly #file: WeightFile;
  readonly #precision: Precision;

  constructor(
    graph: Graph,
    of: {
      readonly config: BertConfig;
      readonly file: WeightFile;
      readonly precision: Precision;
    },
  ) {
    this.#graph = graph;
    this.#config = of.config;
    this.#file = of.file;
    this.#precision = of.precision;
  }

  embed(ids: Value, positions: Value): Value {
    const graph = this.#graph;
    const { vocabulary, width, positions: length, kinds } = this.#config;
    const words = gather(
      graph,
      this.#weight("embeddings.word_embeddings", [vocabulary, width]),
      ids,
    );
    const places = gather(
      graph,
      this.#weight("embeddings.position_embeddings", [length, width]),
      positions,
    );
    // One text at a time is embedded, so every token is of the first kind.
    const kind = gather(
      graph,
      this.#weight("embeddings.token_type_embeddings", [kinds, width]),
      graph.integers([0]),
    );
    const sum = add(graph, add(graph, words, places), kind);
    return this.#norm(sum, "embeddings.LayerNorm");
  }

  /** One layer: [B, T, H] → [B, T, H]. Norms come after the sums. */
  layer(x: Value, mask: Value, index: number): Value {
    const graph = this.#graph;
    const { width, feedForward } = this.#config;
    const name = `encoder.layer.${index}`;
    const mixed = this.#attend(x, mask, `${name}.attention.self`);
    const projected = this.#linear(mixed, `${name}.attention.output.dense`, width, width);
    const attended = this.#norm(add(graph, x, projected), `${name}.attention.output.LayerNorm`);
    const inner = this.#linear(attended, `${name}.intermediate.dense`, feedForward, width);
    const outer = this.#linear(gelu(graph, inner), `${name}.output.dense`, width, feedForward);
    return this.#norm(add(graph, attended, outer), `${name}.output.LayerNorm`);
  }

  #attend(x: Value, mask: Value, name: string): Value {
    const graph = this.#graph;
    const { width, heads } = this.#config;
    const perHead = width / heads;
    const [batch, tokens] = x.shape;
    const split = (part: string) => {
      const projected = this.#linear(x, `${name}.${part}`, width, width);
      const shape = [batch!, tokens!, heads, perHead];
      return transpose(graph, reshape(graph, projected, shape), [0, 2, 1, 3]);
    };
    const scores = matMul(graph, split("query"), split("key"), {
      transposeB: true,
      scale: 1 / Math.sqrt(perHead),
    });
    const mixed = matMul(graph, softmax(graph, add(graph, scores, mask)), split("value"));
    return reshape(graph, transpose(graph, mixed, [0, 2, 1, 3]), [batch!, tokens!, width]);
  }

  #linear(x: Value, name: string, rows: number, columns: number): Value {
    const graph = this.#graph;
    const bias = this.#tensor(`${name}.bias`, [rows]);
    if (this.#precision === "int8") {
      return byteMatMul(graph, x, this.#byteMatrix(name, rows, columns), bias);
    }
    const weight = this.#weight(name, [rows, columns]);
    return add(graph, matMul(graph, x, weight, { transposeB: true }), bias);
  }

  #byteMatrix(name: string, rows: number, columns: number) {
    const weight = readTensor(this.#file, `${name}.weight`, [rows, columns]);
    const { values, scales } = toBytes(weight, rows, columns);
    return {
      values: this.#graph.bytes(name, [columns, rows], values),
      scales: this.#graph.table(`${name}.scale`, [rows], scales),
    };
  }

  #norm(x: Value, name: string): Value {
    const { width, normEpsilon } = this.#config;
    return layerNorm(this.#graph, x, {
      weight: this.#tensor(`${name}.weight`, [width]),
      bias: this.#tensor(`${name}.bias`, [width]),
      epsilon: normEpsilon,
    });
  }

  #weight(name: string, shape: readonly number[]): Value {
    return this.#tensor(`${name}.weight`, shape);
  }

  #tensor(name: string, shape: readonly number[]): Value {
    return this.#graph.table(name, shape, readTensor(this.#file, name, shape));
  }
}

/** @throws RagError model/invalid when the tensor is missing or has another shape */
function readTensor(file: WeightFile, name: string, shape: readonly number[]): Float32Array {
  const tensor = file.tensors.get(name) ?? file.tensors.get(`bert.${name}`);
  if (tensor?.shape.join() === shape.join()) return file.readF32(tensor.name);
  const found = tensor ? `found [${tensor.shape.join(", ")}]` : "it is missing";
  throw new RagError(
    "model/invalid",
    `${file.path}: tensor ${name}: expected shape [${shape.join(", ")}], ${found}; the file is damaged or of another model.`,
  );
}
