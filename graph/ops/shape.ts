import { RagError } from "../../core/index.ts";
import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { type Attributes, type Dimension, describe, type Shape, type Value } from "../value.ts";

const shapes = (list: readonly Value[]) => list.map(describe).join(", ");

const reshapeOperator = (shape: Shape): Operator => ({
  type: "Reshape",
  infer: ([x]) => [{ type: x!.type, shape }],
  gradient: (graph, { inputs: [x] }, [dy]) => [reshapeLike(graph, dy!, x!)],
});

/** The `shape` input of a Reshape: 0 keeps an axis, −1 is worked out; undefined when two would have to be. */
function reshapeTarget(x: Value, shape: Shape): readonly number[] | undefined {
  const target = shape.map((dimension, axis) => {
    if (typeof dimension === "number") return dimension;
    return x.shape[axis] === dimension ? 0 : -1;
  });
  return target.filter((dimension) => dimension === -1).length > 1 ? undefined : target;
}

/**
 * The same elements in another shape. A symbolic dimension must stand at the same axis as before; at most one other may be
 * symbolic, and is worked out at run time.
 * @throws RagError graph/shape when more than one dimension would have to be guessed
 * @see ONNX operator Reshape, opset 14
 */
export function reshape(graph: Graph, x: Value, shape: Shape): Value {
  const target = reshapeTarget(x, shape);
  if (!target) {
    throw new RagError(
      "graph/shape",
      `${describe(x)}: cannot be reshaped to [${shape.join(", ")}]`,
    );
  }
  return graph.one(reshapeOperator(shape), [x, graph.integers(target)]);
}

/** x in the shape of `like`, which is measured at run time where it cannot be written down. */
export function reshapeLike(graph: Graph, x: Value, like: Value): Value {
  const target = reshapeTarget(x, like.shape);
  const lengths = target ? graph.integers(target) : shapeOf(graph, like);
  return graph.one(reshapeOperator(like.shape), [x, lengths]);
}

const transposition: Operator = {
  type: "Transpose",
  infer: ([x], { perm }) => [
    { type: x!.type, shape: (perm as number[]).map((axis) => x!.shape[axis]!) },
  ],
  gradient: (graph, { attributes: { perm } }, [dy]) => {
    const order = perm as readonly number[];
    return [
      transpose(
        graph,
        dy!,
        order.map((_, axis) => order.indexOf(axis)),
      ),
    ];
  },
};

/** Axis i of the result is axis order[i] of x. @see ONNX operator Transpose, opset 13 */
export const transpose = (graph: Graph, x: Value, order: readonly number[]): Value =>
  graph.one(transposition, [x], { perm: order });

const insertion = (axis: number): Operator => ({
  type: "Unsqueeze",
  infer: ([x]) => [
    { type: x!.type, shape: [...x!.shape.slice(0, axis), 1, ...x!.shape.slice(axis)] },
  ],
});

/** x with an axis of length 1 put in at `axis`. It has no gradient. @see ONNX operator Unsqueeze, opset 13 */
export const unsqueeze = (graph: Graph, x: Value, axis: number): Value =>
  graph.one(insertion(axis), [x, graph.integers([axis])]);

const concatenation = (total: Dimension): Operator => ({
  type: "Concat",
  infer: (inputs, { axis }) => {
    const [first] = inputs;
    const others = (value: Value) => value.shape.filter((_, index) => index !== axis).join();
    if (inputs.some((value) => others(value) !== others(first!))) {
      throw new RagError("graph/shape", `${shapes(inputs)}: cannot be joined on axis ${axis}`);
    }
    const shape = first!.shape.map((dimension, index) => (index === axis ? total : dimension));
    return [{ type: first!.type, shape }];
  },
  gradient: (graph, { inputs, attributes }, [dy]) => {
    const axis = attributes["axis"] as number;
    const parts = inputs as readonly Value[];
    const lengths = parts.map((part) => dimensionOf(graph, part, axis));
    return split(
      graph,
      dy!,
      axis,
      parts.map((part) => part.shape[axis]!),
      concat(graph, lengths, 0, parts.length),
    );
  },
});

/**
 * Tensors joined along one axis, which is named or measured `total` afterwards.
 * @see ONNX operator Concat, opset 13
 */
export function concat(
  graph: Graph,
  parts: readonly Value[],
  axis: number,
  total: Dimension,
): Value {
  if (parts.length === 1) return parts[0]!;
  return graph.one(concatenation(total), parts, { axis });
}

const splitting = (sizes: readonly Dimension[]): Operator => ({
  type: "Split",
  infer: ([x], { axis }) =>
    sizes.map((size) => ({
      type: x!.type,
      shape: x!.shape.map((dimension, index) => (index === axis ? size : dimension)),
    })),
  gradient: (graph, { inputs: [x], attributes, outputs }, dys) => [
    concat(
      graph,
      dys.map((dy, index) => dy ?? zerosLike(graph, outputs[index]!)),
      attributes["axis"] as number,
      x!.shape[attributes["axis"] as number]!,
    ),
  ],
});

/**
 * Cuts x along `axis` into parts of the given `sizes`, whose values at run time are `lengths`: int64 [parts].
 * @see ONNX operator Split, opset 13
 */
export const split = (
  graph: Graph,
  x: Value,
  axis: number,
  sizes: readonly Dimension[],
  lengths: Value,
): readonly Value[] => graph.apply(splitting(sizes), [x, lengths], { axis });

const slicing = (size: Dimension): Operator => ({
  type: "Slice",
  infer: ([x]) => [{ type: x!.type, shape: [...x!.shape.slice(0, -1), size] }],
});

/**
 * The columns of x from `start` on, `size` of them. x: [..., C], start: int64 [1]. It has no gradient.
 * @see ONNX operator Slice, opset 13
 */
export const columnsFrom = (graph: Graph, x: Value, start: Value, size: Dimension): Value => {
  const axis = graph.integers([x.shape.length - 1]);
  return graph.one(slicing(size), [x, start, graph.integers([2 ** 31]), axis]);
};

/**
 * The first columns of x up to `end`, `size` of them. x: [..., C], end: int64 [1]. It has no gradient.
 * @see ONNX operator Slice, opset 13
 */
export const columnsTo = (graph: Graph, x: Value, end: Value, size: Dimension): Value => {
  const axis = graph.integers([x.shape.length - 1]);
  return graph.one(slicing(size), [x, graph.integers([0]), end, axis]);
};

const shapeOperator: Operator = {
  type: "Shape",
  infer: ([x], attributes: Attributes) => {
    const { start = 0, end = x!.shape.length } = attributes as { start?: number; end?: number };
    return [{ type: "int64", shape: [end - start] }];
  },
};

/** The length of one axis as int64 [1]. @see ONNX operator Shape, opset 15 */
export function dimensionOf(graph: Graph, x: Value, axis: number): Value {
  const dimension = x.shape[axis];
  if (typeof dimension === "number") return graph.integers([dimension]);
  return graph.one(shapeOperator, [x], { start: axis, end: axis + 1 });
}

/** The whole shape as int64 [rank]. @see ONNX operator Shape, opset 15 */
export const shapeOf = (graph: Graph, x: Value): Value => graph.one(shapeOperator, [x]);

const expansion = (shape: Shape): Operator => ({
  type: "Expand",
  infer: ([x]) => [{ type: x!.type, shape }],
  gradient: (_graph, _node, [dy]) => [dy],
});

/** x broadcast to the shape of `like`. @see ONNX operator Expand, opset 13 */
export const expandTo = (graph: Graph, x: Value, like: Value): Value =>
  graph.one(expansion(like.shape), [x, shapeOf(graph, like)]);

/**
 * x broadcast to `shape`; symbolic dimensions are taken from the value and axis that `lengths` names for them.
 * @see ONNX operator Expand, opset 13
 */
export function expand(
  graph: Graph,
  x: Value,
  shape: Shape,
  lengths: Readonly<Record<string, Value>> = {},
): Value {
  const parts = shape.map((dimension) =>
    typeof dimension === "number" ? graph.integers([dimension]) : lengths[dimension]!,
  );
  return graph.one(expansion(shape), [x, concat(graph, parts, 0, parts.length)]);
}

const filled: Operator = {
  type: "ConstantOfShape",
  infer: () => [{ type: "float32", shape: [] }],
};

/** Zeros of the same shape, float32. @see ONNX operator ConstantOfShape, opset 9 */
export function zerosLike(graph: Graph, x: Value): Value {
  const operator: Operator = { ...filled, infer: () => [{ type: "float32", shape: x.shape }] };
  return graph.one(operator, [shapeOf(graph, x)]);
}

/** Element types that are cast to, with their numbers in ONNX's TensorProto. */
const CASTS = [
  ["float32", 1],
  ["int64", 7],
  ["float16", 10],
] as const;

const casting: Operator = {
  type: "Cast",
  infer: ([x], { to }) => [
    { type: CASTS.find(([, number]) => number === to)![0], shape: x!.shape },
  ],
  gradient: (graph, { inputs: [x] }, [dy]) => [cast(graph, dy!, x!.type as "float32" | "float16")],
};

/** The same numbers in another type. @see ONNX operator Cast, opset 13 */
export const cast = (graph: Graph, x: Value, type: "float32" | "float16" | "int64"): Value =>
  x.type === type ? x : graph.one(casting, [x], { to: new Map(CASTS).get(type)! });
