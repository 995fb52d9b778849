import { basename } from "node:path";
import { RagError } from "../../core/index.ts";
import {
  add,
  byteMatMul,
  type Graph,
  gather,
  gelu,
  layerNorm,
  matMul,
  reshape,
  softmax,
  transpose,
  type Value,
} from "../../graph/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import type { BertConfig, Precision } from "./bert-config.ts";
import { toBytes } from "./byte-weights.ts";

/**
 * The layers of a BERT encoder in a graph, with the weights of a file.
 * @see Devlin et al., arXiv 1810.04805
 */
export class BertLayers {
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

  /** Sum of word, place and kind of each token: ids int64 [B, T] → [B, T, H]. `kindIds`: int64 [B, T], or [1] for one kind throughout. */
  embed(ids: Value, positions: Value, kindIds: Value): Value {
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
    const kind = gather(
      graph,
      this.#weight("embeddings.token_type_embeddings", [kinds, width]),
      kindIds,
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
    const projected = this.linear(mixed, `${name}.attention.output.dense`, width, width);
    const attended = this.#norm(add(graph, x, projected), `${name}.attention.output.LayerNorm`);
    const inner = this.linear(attended, `${name}.intermediate.dense`, feedForward, width);
    const outer = this.linear(gelu(graph, inner), `${name}.output.dense`, width, feedForward);
    return this.#norm(add(graph, attended, outer), `${name}.output.LayerNorm`);
  }

  #attend(x: Value, mask: Value, name: string): Value {
    const graph = this.#graph;
    const { width, heads } = this.#config;
    const perHead = width / heads;
    const [batch, tokens] = x.shape;
    const split = (part: string) => {
      const projected = this.linear(x, `${name}.${part}`, width, width);
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

  /** x · Wᵀ + b with the weights of a name: [..., columns] → [..., rows]. */
  linear(x: Value, name: string, rows: number, columns: number): Value {
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
    `${basename(file.path)}: tensor ${name}: expected shape [${shape.join(", ")}], ${found}; the file is damaged or of another model.`,
  );
}
