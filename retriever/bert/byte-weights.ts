/**
 * A weight matrix in whole numbers q from -64 to 64 with a scale for each of its rows, laid out as {@link byteMatMul} reads it:
 * value = scale · q.
 */
export interface ByteWeights {
  /** int8 [K, N]: the transpose of the weight. */
  readonly values: Int8Array;
  /** f32 [N] */
  readonly scales: Float32Array;
}

/**
 * Seven bits: x86 processors without VNNI add two products of a byte (0 to 255) and a weight in 16 bits, which 255 · 64 · 2 just fits. With all
 * eight bits such sums are cut off there, and vectors differ from machine to machine.
 */
const LARGEST = 64;

/**
 * Rounds a weight f32 [N, K] to such numbers, each row by its largest value.
 * @see Dettmers et al., arXiv 2208.07339 (row-wise absolute maximum)
 */
export function toBytes(weight: Float32Array, rows: number, columns: number): ByteWeights {
  const values = new Int8Array(rows * columns);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    for (let i = 0; i < columns; i++) {
      largest = Math.max(largest, Math.abs(weight[row * columns + i]!));
    }
    const scale = largest > 0 ? largest / LARGEST : 1;
    scales[row] = scale;
    for (let i = 0; i < columns; i++) {
      values[i * rows + row] = Math.round(weight[row * columns + i]! / scale);
    }
  }
  return { values, scales };
}
