export { dequantize } from "./dequantize.ts";
export { openGguf } from "./gguf.ts";
export { halfTable, halfToFloats } from "./half.ts";
export { isGguf, openWeights, readShardIndex, weightsPathIn } from "./open-weights.ts";
export { openSafetensors } from "./safetensors.ts";
export type { TensorType } from "./tensor-type.ts";
export type { TensorInfo, WeightFile } from "./weight-file.ts";
export { type DenseTensor, writeSafetensors } from "./write-safetensors.ts";
