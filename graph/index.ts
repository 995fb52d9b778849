export { matMulFlops } from "./flops.ts";
export { gradients } from "./gradient.ts";
export { type ExternalData, Graph } from "./graph.ts";
export { encodeOnnx } from "./onnx-encoding.ts";
export { erf, exp, gelu, geluTanh, sigmoid, silu, sqrt, tanh } from "./ops/activation.ts";
export { argMax } from "./ops/argmax.ts";
export { add, divide, multiply, negate, subtract } from "./ops/arithmetic.ts";
export { attention, attentionBehind, type KeyValueRows } from "./ops/attention.ts";
export { gather, pickPerRow } from "./ops/gather.ts";
export { HeadwiseAttention } from "./ops/headwise-attention.ts";
export {
  type ByteMatrix,
  byteMatMul,
  type MatMulOptions,
  matMul,
  type PackedMatrix,
  packedMatMul,
} from "./ops/matmul.ts";
export { layerNorm, rmsNorm } from "./ops/normalization.ts";
export { meanOfLast, reduceSum, sumOfLast, sumOfSquares } from "./ops/reduce.ts";
export { type RotaryTables, rotate } from "./ops/rotary.ts";
export {
  cast,
  columnsTo,
  concat,
  dimensionOf,
  expand,
  expandTo,
  reshape,
  shapeOf,
  split,
  transpose,
  unsqueeze,
  zerosLike,
} from "./ops/shape.ts";
export { logSoftmax, softmax } from "./ops/softmax.ts";
export { logSumExp, topK } from "./ops/top-k.ts";
export type { Dimension, ElementType, Shape, TensorType, Value } from "./value.ts";
