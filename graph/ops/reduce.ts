import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { type Shape, sameShape, type Value } from "../value.ts";
import { divide, multiply } from "./arithmetic.ts";
import { expandTo, reshape } from "./shape.ts";

const withOnes = (shape: Shape, axes: readonly number[]): Shape =>
  shape.map((dimension, axis) => (axes.includes(axis) ? 1 : dimension));

const sum: Operator = {
  type: "ReduceSum",
  infer: ([x], { axes }) => [{ type: x!.type, shape: withOnes(x!.shape, axes as number[]) }],
  gradient: (graph, { inputs: [x] }, [dy]) => [expandTo(graph, dy!, x!)],
};

const axesOf = (x: Value, axes: readonly number[]): number[] =>
  axes.map((axis) => (axis < 0 ? axis + x.shape.length : axis));

/**
 * Σ over `axes`, which stay as dimensions of length 1.
 * @see ONNX operator ReduceSum, opset 13
 */
export function reduceSum(graph: Graph, x: Value, axes: readonly number[]): Value {
  const absolute = axesOf(x, axes);
  return graph.one(sum, [x, graph.integers(absolute)], { axes: absolute, keepdims: 1 });
}

const sumAway: Operator = {
  type: "ReduceSum",
  infer: ([x]) => [{ type: x!.type, shape: x!.shape.slice(0, -1) }],
};

/** Σ over the last axis, which is gone: [..., C] → [...]. It has no gradient. @see ONNX operator ReduceSum, opset 13 */
export const sumOfLast = (graph: Graph, x: Value): Value =>
  graph.one(sumAway, [x, graph.integers([-1])], { keepdims: 0 });

/** The mean over the last axis, whose length is known, kept as a dimension of length 1. */
export function meanOfLast(graph: Graph, x: Value): Value {
  return divide(graph, reduceSum(graph, x, [-1]), graph.scalar(x.shape.at(-1) as number));
}

/** Undoes broadcasting: sums `x` over every axis where `shape` has length 1 or is missing. */
export function sumTo(graph: Graph, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const missing = x.shape.length - shape.length;
  const axes = x.shape.flatMap((dimension, axis) =>
    axis < missing || (shape[axis - missing] === 1 && dimension !== 1) ? [axis] : [],
  );
  const summed = axes.length > 0 ? reduceSum(graph, x, axes) : x;
  return missing > 0 ? reshape(graph, summed, shape) : summed;
}

/** Σ x² over the last axis, kept as a dimension of length 1. */
export const sumOfSquares = (graph: Graph, x: Value): Value =>
  reduceSum(graph, multiply(graph, x, x), [-1]);
