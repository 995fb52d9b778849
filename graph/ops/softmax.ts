import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import type { Value } from "../value.ts";
import { exp } from "./activation.ts";
import { multiply, subtract } from "./arithmetic.ts";
import { reduceSum } from "./reduce.ts";

/** dx = y ⊙ (dy − Σ y⊙dy). */
const softmaxOperator: Operator = {
  type: "Softmax",
  infer: ([x]) => [x!],
  gradient: (graph, { outputs: [y] }, [dy]) => {
    const weighted = multiply(graph, y!, dy!);
    return [subtract(graph, weighted, multiply(graph, y!, reduceSum(graph, weighted, [-1])))];
  },
};

/** dx = dy − softmax(x) · Σ dy. */
const logSoftmaxOperator: Operator = {
  type: "LogSoftmax",
  infer: ([x]) => [x!],
  gradient: (graph, { outputs: [y] }, [dy]) => [
    subtract(graph, dy!, multiply(graph, exp(graph, y!), reduceSum(graph, dy!, [-1]))),
  ],
};

/** exp(x) / Σ exp(x) over the last axis; each row sums to 1. @see ONNX operator Softmax, opset 13 */
export const softmax = (graph: Graph, x: Value): Value =>
  graph.one(softmaxOperator, [x], { axis: -1 });

/** log softmax(x) over the last axis. @see ONNX operator LogSoftmax, opset 13 */
export const logSoftmax = (graph: Graph, x: Value): Value =>
  graph.one(logSoftmaxOperator, [x], { axis: -1 });
