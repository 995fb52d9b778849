import type { Graph } from "./graph.ts";
import type { Attributes, TensorType, Value } from "./value.ts";

/** One use of an operator in a graph. An optional input that is left out is undefined. */
export interface Node {
  readonly operator: Operator;
  readonly inputs: readonly (Value | undefined)[];
  readonly outputs: readonly Value[];
  readonly attributes: Attributes;
  /** What a {@link Graph.block} is made of: these are run in its place. */
  readonly inner?: readonly Node[];
}

/**
 * The derivative of one operator: from the gradients of a node's outputs to those of its inputs, as new
 * nodes in the same graph. An output nobody differentiated has no gradient; an input with `needs` false may be left out. A
 * gradient may come out in the broadcast shape: the walk reduces it to the input's own.
 */
export type GradientRule = (
  graph: Graph,
  node: Node,
  outputGradients: readonly (Value | undefined)[],
  needs: readonly boolean[],
) => readonly (Value | undefined)[];

/** An ONNX operator: how its outputs are typed and, where it has one, how it is differentiated. */
export interface Operator {
  readonly type: string;
  /** "" is ONNX itself; "com.microsoft" are ONNX Runtime's contributed operators. */
  readonly domain?: "com.microsoft";
  readonly infer: (inputs: readonly Value[], attributes: Attributes) => readonly TensorType[];
  readonly gradient?: GradientRule;
  /** Outputs after the first need not be asked for when nobody reads them. */
  readonly hasOptionalOutputs?: boolean;
}
