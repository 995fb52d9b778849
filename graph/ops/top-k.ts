import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import type { Value } from "../value.ts";

const topKOperator: Operator = {
  type: "TopK",
  infer: ([x], { count }) => {
    const shape = [...x!.shape.slice(0, -1), count as number];
    return [
      { type: x!.type, shape },
      { type: "int64", shape },
    ];
  },
};

/**
 * The `count` largest elements of each row, largest first, and where they stand; the first of equals comes first.
 * x: f32 [..., V], count in [1, V] → f32 [..., count] and int64 [..., count]. Frozen only: it has no gradient.
 * @see ONNX operator TopK, opset 11
 */
export function topK(graph: Graph, x: Value, count: number): { values: Value; indices: Value } {
  const [values, indices] = graph.apply(topKOperator, [x, graph.integers([count])], {
    axis: -1,
    largest: 1,
    sorted: 1,
    count,
  });
  return { values: values!, indices: indices! };
}

const logSumExpOperator: Operator = {
  type: "ReduceLogSumExp",
  infer: ([x]) => [{ type: x!.type, shape: x!.shape.slice(0, -1) }],
};

/**
 * log Σ exp(x) over the last axis: f32 [..., V] → f32 [...]. Frozen only: it has no gradient.
 * @see ONNX operator ReduceLogSumExp, opset 13
 */
export const logSumExp = (graph: Graph, x: Value): Value =>
  graph.one(logSumExpOperator, [x], { axes: [-1], keepdims: 0 });
