/** How a tensor's numbers are stored: elements per block and bytes per block. Plain numbers are blocks of one. */
const LAYOUTS = {
  F64: [1, 8],
  F32: [1, 4],
  F16: [1, 2],
  BF16: [1, 2],
  I64: [1, 8],
  I32: [1, 4],
  I16: [1, 2],
  I8: [1, 1],
  U8: [1, 1],
  BOOL: [1, 1],
  Q4_0: [32, 18],
  Q4_1: [32, 20],
  Q5_0: [32, 22],
  Q5_1: [32, 24],
  Q8_0: [32, 34],
  Q2_K: [256, 84],
  Q3_K: [256, 110],
  Q4_K: [256, 144],
  Q5_K: [256, 176],
  Q6_K: [256, 210],
  IQ4_NL: [32, 18],
} as const;

/** Every number format the weight readers can turn into f32. */
export type TensorType = keyof typeof LAYOUTS;

/** `elements` numbers are stored together in `bytes` bytes. */
export interface BlockLayout {
  readonly elements: number;
  readonly bytes: number;
}

export function isTensorType(name: string): name is TensorType {
  return Object.hasOwn(LAYOUTS, name);
}

export function blockLayout(type: TensorType): BlockLayout {
  const [elements, bytes] = LAYOUTS[type];
  return { elements, bytes };
}

/** Product of the dimensions; 1 for a scalar. May pass 2^53, where it is no longer exact: check before use. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, dimension) => product * dimension, 1);
}
