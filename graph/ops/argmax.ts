import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import type { Value } from "../value.ts";

const operator: Operator = {
  type: "ArgMax",
  infer: ([x]) => [{ type: "int64", shape: x!.shape.slice(0, -1) }],
};

/** The index of the largest element of each row, the first of equals: [..., V] → int64 [...]. @see ONNX operator ArgMax, opset 13 */
export const argMax = (graph: Graph, x: Value): Value =>
  graph.one(operator, [x], { axis: -1, keepdims: 0 });
