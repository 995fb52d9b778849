let table: Float32Array | undefined;

/** f32 value of each of the 65,536 half-precision bit patterns; 256 KB, made on first use. */
export function halfTable(): Float32Array {
  table ??= makeTable();
  return table;
}

/** The f32 value of the half-precision number whose two bytes, little-endian, begin at `at`. */
export function halfAt(bytes: Uint8Array, at: number): number {
  return halfTable()[bytes[at]! | (bytes[at + 1]! << 8)]!;
}

/** The f32 values of half-precision bit patterns. */
export function halfToFloats(halves: Uint16Array): Float32Array {
  const values = halfTable();
  const out = new Float32Array(halves.length);
  for (let i = 0; i < out.length; i++) out[i] = values[halves[i]!]!;
  return out;
}

function makeTable(): Float32Array {
  const bits = new Uint32Array(0x10000);
  const values = new Float32Array(bits.buffer);
  for (let half = 0; half < 0x10000; half++) {
    const exponent = (half >> 10) & 31;
    const fraction = half & 0x3ff;
    const sign = (half & 0x8000) << 16;
    if (exponent === 0) {
      // Subnormal: fraction · 2^-24, exact in f32. Its sign is set on the bits, so that -0 stays -0.
      values[half] = fraction * 2 ** -24;
      bits[half] = (bits[half]! | sign) >>> 0;
    } else {
      const wide = exponent === 31 ? 255 : exponent + 112;
      bits[half] = (sign | (wide << 23) | (fraction << 13)) >>> 0;
    }
  }
  return values;
}
