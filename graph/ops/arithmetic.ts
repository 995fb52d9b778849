import { RagError } from "../../core/index.ts";
import type { Graph } from "../graph.ts";
import type { GradientRule, Operator } from "../operator.ts";
import { type Dimension, describe, type Shape, type Value } from "../value.ts";

/** The shape two operands broadcast to. @see ONNX, Multidirectional Broadcasting */
function broadcast(a: Value, b: Value): Shape {
  const rank = Math.max(a.shape.length, b.shape.length);
  const at = (shape: Shape, axis: number): Dimension => shape[axis - (rank - shape.length)] ?? 1;
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [at(a.shape, axis), at(b.shape, axis)];
    if (left === right || right === 1) return left;
    if (left === 1) return right;
    throw new RagError("graph/shape", `${describe(a)} and ${describe(b)}: do not broadcast`);
  });
}

const binary = (type: string, gradient: GradientRule): Operator => ({
  type,
  infer: ([a, b]) => [{ type: a!.type, shape: broadcast(a!, b!) }],
  gradient,
});

const addition = binary("Add", (_graph, _node, [dy]) => [dy, dy]);

const subtraction = binary("Sub", (graph, _node, [dy], needs) => [
  dy,
  needs[1] ? negate(graph, dy!) : undefined,
]);

const multiplication = binary("Mul", (graph, { inputs: [a, b] }, [dy], needs) => [
  needs[0] ? multiply(graph, dy!, b!) : undefined,
  needs[1] ? multiply(graph, dy!, a!) : undefined,
]);

/** d(a/b) = dy/b for a, −dy·y/b for b. */
const division = binary("Div", (graph, { inputs: [, b], outputs: [y] }, [dy], needs) => [
  needs[0] ? divide(graph, dy!, b!) : undefined,
  needs[1] ? negate(graph, divide(graph, multiply(graph, dy!, y!), b!)) : undefined,
]);

const negation: Operator = {
  type: "Neg",
  infer: ([x]) => [x!],
  gradient: (graph, _node, [dy]) => [negate(graph, dy!)],
};

/** a + b with broadcasting. @see ONNX operator Add, opset 14 */
export const add = (graph: Graph, a: Value, b: Value): Value => graph.one(addition, [a, b]);

/** a − b with broadcasting. @see ONNX operator Sub, opset 14 */
export const subtract = (graph: Graph, a: Value, b: Value): Value => graph.one(subtraction, [a, b]);

/** a ⊙ b with broadcasting. @see ONNX operator Mul, opset 14 */
export const multiply = (graph: Graph, a: Value, b: Value): Value =>
  graph.one(multiplication, [a, b]);

/** a / b with broadcasting. @see ONNX operator Div, opset 14 */
export const divide = (graph: Graph, a: Value, b: Value): Value => graph.one(division, [a, b]);

/** −x. @see ONNX operator Neg, opset 13 */
export const negate = (graph: Graph, x: Value): Value => graph.one(negation, [x]);
