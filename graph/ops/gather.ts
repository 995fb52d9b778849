import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import type { Value } from "../value.ts";
import { reshape, zerosLike } from "./shape.ts";

/** The gradient adds each row of dy into the row it came from; equal indices add up. */
const gatherRows: Operator = {
  type: "Gather",
  infer: ([x, indices]) => [{ type: x!.type, shape: [...indices!.shape, ...x!.shape.slice(1)] }],
  gradient: (graph, { inputs: [x, indices] }, [dy]) => {
    const index = reshape(graph, indices!, [...indices!.shape, 1]);
    return [graph.one(scatterAdd, [zerosLike(graph, x!), index, dy!], { reduction: "add" })];
  },
};

const scatterAdd: Operator = { type: "ScatterND", infer: ([x]) => [x!] };

/**
 * Rows of x: result[i…] = x[indices[i…]].
 * x: [R, ...], indices: int64 [...] in [0, R).
 * @see ONNX operator Gather, opset 13, axis 0
 */
export const gather = (graph: Graph, x: Value, indices: Value): Value =>
  graph.one(gatherRows, [x, indices], { axis: 0 });

const gatherColumns: Operator = {
  type: "GatherElements",
  infer: ([x, indices]) => [{ type: x!.type, shape: indices!.shape }],
  gradient: (graph, { inputs: [x, indices], attributes }, [dy]) => [
    graph.one(scatterElements, [zerosLike(graph, x!), indices!, dy!], attributes),
  ],
};

const scatterElements: Operator = { type: "ScatterElements", infer: ([x]) => [x!] };

/**
 * One element of each row: result[i, 0] = x[i, indices[i]].
 * x: [R, C], indices: int64 [R] → [R, 1].
 * @see ONNX operator GatherElements, opset 13, axis 1
 */
export function pickPerRow(graph: Graph, x: Value, indices: Value): Value {
  const column = reshape(graph, indices, [indices.shape[0]!, 1]);
  return graph.one(gatherColumns, [x, column], { axis: 1 });
}
