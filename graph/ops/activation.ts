import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { float, type Value } from "../value.ts";
import { add, divide, multiply, negate, subtract } from "./arithmetic.ts";

const sigmoidOperator: Operator = {
  type: "Sigmoid",
  infer: ([x]) => [x!],
  gradient: (graph, { outputs: [y] }, [dy]) => [
    multiply(graph, dy!, multiply(graph, y!, subtract(graph, graph.scalar(1), y!))),
  ],
};

/** d(x·σ(αx)) = σ + αx·σ(1 − σ), with α = 1. */
const quickGelu: Operator = {
  type: "QuickGelu",
  domain: "com.microsoft",
  infer: ([x]) => [x!],
  gradient: (graph, { inputs: [x], outputs: [y] }, [dy]) => {
    const s = sigmoid(graph, x!);
    // xσ is the output itself: σ(1 + x(1 − σ)) = σ(1 + x − y).
    const slope = multiply(graph, s, add(graph, graph.scalar(1), subtract(graph, x!, y!)));
    return [multiply(graph, dy!, slope)];
  },
};

const tanhOperator: Operator = {
  type: "Tanh",
  infer: ([x]) => [x!],
  gradient: (graph, { outputs: [y] }, [dy]) => [
    multiply(graph, dy!, subtract(graph, graph.scalar(1), multiply(graph, y!, y!))),
  ],
};

const exponential: Operator = {
  type: "Exp",
  infer: ([x]) => [x!],
  gradient: (graph, { outputs: [y] }, [dy]) => [multiply(graph, dy!, y!)],
};

/** d erf(x) = 2/√π · exp(−x²). */
const errorFunction: Operator = {
  type: "Erf",
  infer: ([x]) => [x!],
  gradient: (graph, { inputs: [x] }, [dy]) => {
    const bell = exp(graph, negate(graph, multiply(graph, x!, x!)));
    return [multiply(graph, dy!, multiply(graph, graph.scalar(2 / Math.sqrt(Math.PI)), bell))];
  },
};

const squareRoot: Operator = {
  type: "Sqrt",
  infer: ([x]) => [x!],
  gradient: (graph, { outputs: [y] }, [dy]) => [
    divide(graph, dy!, multiply(graph, graph.scalar(2), y!)),
  ],
};

/** √(2/π), and its product with the cubic term's 0.044715. */
const SLOPE = Math.sqrt(2 / Math.PI);
const CUBIC = 0.044715 * SLOPE;

/** With t = tanh(ax + bx³):  dx = dy/2 · (1 + t + x·(1 − t²)·(a + 3bx²)). */
const fastGelu: Operator = {
  type: "FastGelu",
  domain: "com.microsoft",
  infer: ([x]) => [x!],
  gradient: (graph, { inputs: [x] }, [dy]) => {
    const one = graph.scalar(1);
    const square = multiply(graph, x!, x!);
    const line = add(graph, multiply(graph, square, graph.scalar(CUBIC)), graph.scalar(SLOPE));
    const t = tanh(graph, multiply(graph, x!, line));
    const steep = add(graph, multiply(graph, square, graph.scalar(3 * CUBIC)), graph.scalar(SLOPE));
    const bell = subtract(graph, one, multiply(graph, t, t));
    const slope = add(graph, add(graph, one, t), multiply(graph, multiply(graph, x!, bell), steep));
    return [multiply(graph, multiply(graph, dy!, graph.scalar(0.5)), slope)];
  },
};

/** 1 / (1 + exp(−x)). @see ONNX operator Sigmoid, opset 13 */
export const sigmoid = (graph: Graph, x: Value): Value => graph.one(sigmoidOperator, [x]);

/** x·σ(x), the activation of Llama's feed-forward. @see com.microsoft.QuickGelu with alpha 1 */
export const silu = (graph: Graph, x: Value): Value =>
  graph.one(quickGelu, [x], { alpha: float(1) });

/** @see ONNX operator Tanh, opset 13 */
export const tanh = (graph: Graph, x: Value): Value => graph.one(tanhOperator, [x]);

/** eˣ. @see ONNX operator Exp, opset 13 */
export const exp = (graph: Graph, x: Value): Value => graph.one(exponential, [x]);

/** The error function. @see ONNX operator Erf, opset 13 */
export const erf = (graph: Graph, x: Value): Value => graph.one(errorFunction, [x]);

/** √x, x > 0. @see ONNX operator Sqrt, opset 13 */
export const sqrt = (graph: Graph, x: Value): Value => graph.one(squareRoot, [x]);

/** x/2 · (1 + erf(x/√2)), the exact GELU of BERT. */
export function gelu(graph: Graph, x: Value): Value {
  const inner = erf(graph, multiply(graph, x, graph.scalar(Math.SQRT1_2)));
  const half = multiply(graph, x, graph.scalar(0.5));
  return multiply(graph, half, add(graph, graph.scalar(1), inner));
}

/** x/2 · (1 + tanh(√(2/π)·(x + 0.044715x³))), the GELU of GPT-2. @see ONNX Runtime operator com.microsoft.FastGelu */
export const geluTanh = (graph: Graph, x: Value): Value => graph.one(fastGelu, [x]);
