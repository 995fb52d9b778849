import { RagError } from "../../core/index.ts";
import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { type Dimension, describe, float, type Shape, type Value } from "../value.ts";

export interface MatMulOptions {
  /** Reads the last two axes of a (or b) the other way round, without a copy. */
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** A factor on the product. */
  readonly scale?: number;
}

function productShape(a: Value, b: Value, transposeA: boolean, transposeB: boolean): Shape {
  const matrix = (value: Value, transposed: boolean): readonly [Dimension, Dimension] => {
    const [row, column] = [value.shape.at(-2)!, value.shape.at(-1)!];
    return transposed ? [column, row] : [row, column];
  };
  const [rows, inner] = matrix(a, transposeA);
  const [innerB, columns] = matrix(b, transposeB);
  if (inner !== innerB || a.shape.length < 2 || b.shape.length < 2) {
    throw new RagError(
      "graph/shape",
      `${describe(a)} times ${describe(b)}: inner dimensions differ`,
    );
  }
  const [long, short] = a.shape.length >= b.shape.length ? [a, b] : [b, a];
  const offset = long.shape.length - short.shape.length;
  const batch = long.shape
    .slice(0, -2)
    .map((dimension, axis) => (dimension === 1 ? (short.shape[axis - offset] ?? 1) : dimension));
  return [...batch, rows, columns];
}

/** With y = s·A·B (A, B as transposed): dA = s·dy·Bᵀ and dB = s·Aᵀ·dy, each transposed back. */
const fused: Operator = {
  type: "FusedMatMul",
  domain: "com.microsoft",
  infer: ([a, b], { transA, transB }) => [
    { type: a!.type, shape: productShape(a!, b!, transA === 1, transB === 1) },
  ],
  gradient: (graph, { inputs: [a, b], attributes }, [dy], needs) => {
    const [transposeA, transposeB] = [attributes["transA"] === 1, attributes["transB"] === 1];
    const { float: scale } = attributes["alpha"] as { float: number };
    const dA = () =>
      transposeA
        ? matMul(graph, b!, dy!, { transposeA: transposeB, transposeB: true, scale })
        : matMul(graph, dy!, b!, { transposeB: !transposeB, scale });
    const dB = () =>
      transposeB
        ? matMul(graph, dy!, a!, { transposeA: true, transposeB: transposeA, scale })
        : matMul(graph, a!, dy!, { transposeA: !transposeA, scale });
    return [needs[0] ? dA() : undefined, needs[1] ? dB() : undefined];
  },
};

/**
 * scale · a × b over the last two axes, leading axes broadcast.
 * a: [..., M, K], b: [..., K, N] (each as transposed) → [..., M, N].
 * @throws RagError graph/shape when the inner dimensions differ
 * @see ONNX Runtime operator com.microsoft.FusedMatMul
 */
export const matMul = (graph: Graph, a: Value, b: Value, options: MatMulOptions = {}): Value =>
  graph.one(fused, [a, b], {
    transA: options.transposeA ? 1 : 0,
    transB: options.transposeB ? 1 : 0,
    alpha: float(options.scale ?? 1),
  });

export interface PackedMatrix {
  /** uint8 [N, K / 32, 32 · bits / 8]. */
  readonly blocks: Value;
  /** f32 [N · K / 32]. */
  readonly scales: Value;
  readonly bits: 4 | 8;
  readonly rows: number;
  readonly columns: number;
}

const packed: Operator = {
  type: "MatMulNBits",
  domain: "com.microsoft",
  infer: ([x], { N }) => [{ type: "float32", shape: [...x!.shape.slice(0, -1), N as number] }],
};

/**
 * x × Wᵀ where W [N, K] is kept in blocks of 32 values q, each worth scale · (q − 2^(bits−1)). Frozen only: it has no gradient.
 * Activations are rounded to 8 bits per block when `exact` is false, which is several times faster.
 * @see ONNX Runtime operator com.microsoft.MatMulNBits
 */
export const packedMatMul = (graph: Graph, x: Value, w: PackedMatrix, exact: boolean): Value =>
  graph.one(packed, [x, w.blocks, w.scales], {
    K: w.columns,
    N: w.rows,
    bits: w.bits,
    block_size: 32,
    accuracy_level: exact ? 1 : 4,
  });

export interface ByteMatrix {
  /** int8 [K, N]: value = scale · q. */
  readonly values: Value;
  /** f32 [N] */
  readonly scales: Value;
}

const byteProduct: Operator = {
  type: "DynamicQuantizeMatMul",
  domain: "com.microsoft",
  infer: ([x, w]) => [{ type: "float32", shape: [...x!.shape.slice(0, -1), w!.shape[1]!] }],
};

/**
 * x × W + bias where W [K, N] is kept in signed bytes with a scale for each column, and x is rounded to bytes as it comes, with one scale
 * for all of it. Several times faster than f32, and less exact; least on x86 processors without VNNI, whose sums of two products
 * saturate. Frozen only: it has no gradient.
 * x: f32 [..., K], bias: f32 [N] → f32 [..., N].
 * @see ONNX Runtime operator com.microsoft.DynamicQuantizeMatMul
 */
export const byteMatMul = (graph: Graph, x: Value, w: ByteMatrix, bias: Value): Value =>
  graph.one(byteProduct, [x, w.values, w.scales, undefined, bias]);
