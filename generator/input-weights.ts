import type { Graph, Value } from "../graph/index.ts";
import type { DecoderWeights } from "./decoder-graph.ts";
import { isTrainableWeight, type WeightLayout } from "./weight-layout.ts";

/** All weights as graph inputs of the layout's names, so that they can be trained; fixed tables stay in the file. */
export class InputWeights implements DecoderWeights {
  readonly #layout: WeightLayout;
  readonly #inputs = new Map<string, Value>();

  constructor(layout: WeightLayout) {
    this.#layout = layout;
  }

  /** Those that the graph has asked for. */
  get inputs(): readonly Value[] {
    return [...this.#inputs.values()];
  }

  has(name: string): boolean {
    return this.#layout.has(name);
  }

  weight(graph: Graph, name: string): Value {
    if (!isTrainableWeight(name)) return this.#layout.weight(graph, name);
    const known = this.#inputs.get(name);
    if (known) return known;
    const input = graph.input(name, "float32", this.#layout.shapeOf(name));
    this.#inputs.set(name, input);
    return input;
  }
}
