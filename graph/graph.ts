import { RagError } from "../core/index.ts";
import type { Node, Operator } from "./operator.ts";
import type { Attributes, ElementType, Shape, Value } from "./value.ts";

/** Where a weight's bytes lie: little-endian, row-major, in a file beside the graph. */
export interface ExternalData {
  readonly file: string;
  readonly offset: number;
  readonly byteLength: number;
}

/** A tensor whose content is fixed: small ones inline, weights in an external file. */
export type Initializer = { readonly value: Value } & (
  | { readonly bytes: Uint8Array }
  | { readonly external: ExternalData }
);

const identity: Operator = { type: "Identity", infer: ([x]) => [x!] };

/**
 * A computation being written down: typed values, the nodes between them, constants and weights. Operators add nodes through
 * {@link Graph.apply}; nothing is computed here.
 */
export class Graph {
  #nodes: Node[] = [];
  readonly inputs: Value[] = [];
  readonly initializers: Initializer[] = [];
  readonly outputs = new Map<string, Value>();
  readonly #constants = new Map<string, Value>();
  #count = 0;

  /** What has been written down so far, a {@link Graph.block} as one node. */
  get nodes(): readonly Node[] {
    return this.#nodes;
  }

  /** A named input, fed at every run. */
  input(name: string, type: ElementType, shape: Shape): Value {
    this.#requireFree(name);
    const value = { name, type, shape };
    this.inputs.push(value);
    return value;
  }

  /** A named output. One that is no node's own result yet (an input, another output) is copied. */
  output(name: string, value: Value): void {
    const isFree =
      this.nodes.some((node) => node.outputs.includes(value)) &&
      ![...this.outputs.values()].includes(value);
    this.outputs.set(name, isFree ? value : this.one(identity, [value]));
  }

  /** A float32 scalar. */
  scalar(content: number): Value {
    return this.#constant(`f${content}`, "float32", [], new Float32Array([content]));
  }

  /** A one-dimensional int64 constant: shapes, axes, indices. */
  integers(content: readonly number[]): Value {
    return this.#constant(
      `i${content.join()}`,
      "int64",
      [content.length],
      BigInt64Array.from(content, BigInt),
    );
  }

  /** A float32 tensor stored inside the graph; for small tables, not for weights. */
  table(name: string, shape: readonly number[], content: Float32Array): Value {
    return this.#constant(`t${name}`, "float32", shape, content);
  }

  /** The same for bytes: rounded weights small enough to travel with the graph. */
  bytes(name: string, shape: readonly number[], content: Uint8Array | Int8Array): Value {
    const type = content instanceof Int8Array ? "int8" : "uint8";
    return this.#constant(`b${name}`, type, shape, content);
  }

  /** A frozen weight in an external file. The same name gives the same value. */
  weight(name: string, type: ElementType, shape: readonly number[], external: ExternalData): Value {
    const key = `w${name}`;
    const known = this.#constants.get(key);
    if (known) return known;
    this.#requireFree(name);
    const value = { name, type, shape };
    this.initializers.push({ value, external });
    this.#constants.set(key, value);
    return value;
  }

  /**
   * Adds one node.
   * @throws RagError graph/shape when the operator does not fit its inputs
   */
  apply(
    operator: Operator,
    inputs: readonly (Value | undefined)[],
    attributes: Attributes = {},
  ): readonly Value[] {
    const present = inputs.filter((value) => value !== undefined);
    const outputs = operator
      .infer(present, attributes)
      .map((type) => ({ ...type, name: `${operator.type}_${this.#count++}` }));
    this.#nodes.push({ operator, inputs, outputs, attributes });
    return outputs;
  }

  /**
   * Nodes that are differentiated as one, by a rule that knows more than the chain of their own rules: `write` adds them and
   * returns the result, of which `gradient` is the derivative with respect to `inputs`. The rule may use any value that `write` made.
   */
  block(
    type: string,
    inputs: readonly Value[],
    write: () => Value,
    gradient: (dy: Value, needs: readonly boolean[]) => readonly (Value | undefined)[],
  ): Value {
    const outside = this.#nodes;
    this.#nodes = [];
    const output = write();
    const inner = this.#nodes;
    this.#nodes = outside;
    const operator: Operator = {
      type,
      infer: () => [output],
      gradient: (_graph, _node, [dy], needs) => gradient(dy!, needs),
    };
    this.#nodes.push({ operator, inputs, outputs: [output], attributes: {}, inner });
    return output;
  }

  /** {@link Graph.apply} for operators with one output. */
  one(operator: Operator, inputs: readonly (Value | undefined)[], attributes?: Attributes): Value {
    return this.apply(operator, inputs, attributes)[0]!;
  }

  #requireFree(name: string): void {
    const named = [...this.inputs, ...this.initializers.map(({ value }) => value)];
    if (!named.some((value) => value.name === name)) return;
    throw new RagError("graph/shape", `graph: "${name}" is already an input or a weight`);
  }

  #constant(
    key: string,
    type: ElementType,
    shape: readonly number[],
    content: Float32Array | BigInt64Array | Uint8Array | Int8Array,
  ): Value {
    const known = this.#constants.get(key);
    if (known) return known;
    const value = { name: `constant_${this.#count++}`, type, shape };
    const bytes = new Uint8Array(content.buffer, content.byteOffset, content.byteLength);
    this.initializers.push({ value, bytes: bytes.slice() });
    this.#constants.set(key, value);
    return value;
  }
}
