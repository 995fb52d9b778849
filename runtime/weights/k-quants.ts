import { halfAt } from "./half.ts";

/*
 * The "K" formats: super-blocks of 256 numbers with quantised scales for groups of 16 or 32.
 * Layouts after ggml-common.h (block_q2_K … block_q6_K).
 */

/** Q2_K: 16 bytes of (scale, minimum) nibbles, 64 bytes of 2-bit numbers, f16 d, f16 dmin; groups of 16. */
export function decodeQ2K(bytes: Uint8Array, at: number, out: Float32Array, to: number): void {
  const d = halfAt(bytes, at + 80);
  const dmin = halfAt(bytes, at + 82);
  for (let group = 0; group < 16; group++) {
    const scales = bytes[at + group]!;
    const scale = d * (scales & 15);
    const minimum = dmin * (scales >> 4);
    const { from, shift } = twoBitGroup(group);
    for (let i = 0; i < 16; i++) {
      const q = (bytes[at + 16 + from + i]! >> shift) & 3;
      out[to + group * 16 + i] = scale * q - minimum;
    }
  }
}

/** Q3_K: 32 bytes of third bits, 64 bytes of low 2 bits, 12 bytes of 6-bit scales, f16 d; groups of 16. */
export function decodeQ3K(bytes: Uint8Array, at: number, out: Float32Array, to: number): void {
  const d = halfAt(bytes, at + 108);
  for (let group = 0; group < 16; group++) {
    const low = (bytes[at + 96 + (group & 7)]! >> (group < 8 ? 0 : 4)) & 15;
    const high = (bytes[at + 104 + (group & 3)]! >> (2 * (group >> 2))) & 3;
    const scale = d * ((low | (high << 4)) - 32);
    const { from, shift } = twoBitGroup(group);
    const bit = group >> 1;
    for (let i = 0; i < 16; i++) {
      const q = (bytes[at + 32 + from + i]! >> shift) & 3;
      // A third bit of 0 means "minus four": the stored number is q − 4.
      const third = (bytes[at + (group & 1) * 16 + i]! >> bit) & 1;
      out[to + group * 16 + i] = scale * (q - (third === 1 ? 0 : 4));
    }
  }
}

/** Q4_K: f16 d, f16 dmin, 12 bytes of 6-bit scales and minimums, 128 bytes of nibbles; groups of 32. */
export function decodeQ4K(bytes: Uint8Array, at: number, out: Float32Array, to: number): void {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    const scale = d * sixBitScale(bytes, at + 4, group);
    const minimum = dmin * sixBitMinimum(bytes, at + 4, group);
    const from = at + 16 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      out[to + group * 32 + i] = scale * ((bytes[from + i]! >> shift) & 15) - minimum;
    }
  }
}

/** Q5_K: as Q4_K with 32 bytes of fifth bits before the nibbles: bit g of byte i belongs to number i of group g. */
export function decodeQ5K(bytes: Uint8Array, at: number, out: Float32Array, to: number): void {
  const d = halfAt(bytes, at);
  const dmin = halfAt(bytes, at + 2);
  for (let group = 0; group < 8; group++) {
    const scale = d * sixBitScale(bytes, at + 4, group);
    const minimum = dmin * sixBitMinimum(bytes, at + 4, group);
    const from = at + 48 + (group >> 1) * 32;
    const shift = (group & 1) * 4;
    for (let i = 0; i < 32; i++) {
      const fifth = (bytes[at + 16 + i]! >> group) & 1;
      const q = ((bytes[from + i]! >> shift) & 15) | (fifth << 4);
      out[to + group * 32 + i] = scale * q - minimum;
    }
  }
}

/** Q6_K: 128 bytes of low nibbles, 64 bytes of high 2 bits, 16 signed scales, f16 d; groups of 16, values q − 32. */
export function decodeQ6K(bytes: Uint8Array, at: number, out: Float32Array, to: number): void {
  const d = halfAt(bytes, at + 208);
  for (let group = 0; group < 16; group++) {
    const scale = d * ((bytes[at + 192 + group]! << 24) >> 24);
    const half = group >> 3;
    const quarter = (group >> 1) & 3;
    const within = (group & 1) * 16;
    const low = at + half * 64 + (quarter & 1) * 32 + within;
    const high = at + 128 + half * 32 + within;
    for (let i = 0; i < 16; i++) {
      const nibble = (bytes[low + i]! >> (quarter < 2 ? 0 : 4)) & 15;
      const top = (bytes[high + i]! >> (2 * quarter)) & 3;
      out[to + group * 16 + i] = scale * ((nibble | (top << 4)) - 32);
    }
  }
}

/** 2-bit numbers: each 32 bytes carry 128 numbers, 32 per bit pair; a group of 16 is half of such 32. */
function twoBitGroup(group: number): { from: number; shift: number } {
  return { from: (group >> 3) * 32 + (group & 1) * 16, shift: ((group >> 1) & 3) * 2 };
}

/** 6-bit scale of group 0 to 7 out of 12 packed bytes: groups 4 to 7 keep their top 2 bits in the first bytes. */
function sixBitScale(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + group]! & 63;
  return (bytes[at + group + 4]! & 15) | ((bytes[at + group - 4]! >> 6) << 4);
}

/** 6-bit minimum of group 0 to 7, packed like the scales four bytes later. */
function sixBitMinimum(bytes: Uint8Array, at: number, group: number): number {
  if (group < 4) return bytes[at + 4 + group]! & 63;
  return (bytes[at + group + 4]! >> 4) | ((bytes[at + group]! >> 6) << 4);
}
