import { halfTable } from "../runtime/index.ts";

/** Values per block of every 4- and 8-bit format served here. */
export const BLOCK = 32;

/** A quantised matrix in the layout of MatMulNBits: value = scale · (q − 2^(bits−1)) + offset, per block of 32. */
export interface PackedBlocks {
  readonly bits: 4 | 8;
  readonly blocks: Uint8Array;
  readonly scales: Float32Array;
  /** Only for formats with a minimum per block (Q4_1). */
  readonly offsets?: Float32Array;
}

export type PackableType = "Q4_0" | "Q4_1" | "Q8_0";
export const isPackable = (type: string): type is PackableType =>
  type === "Q4_0" || type === "Q4_1" || type === "Q8_0";

/**
 * Re-arranges GGUF blocks without changing a value: Q4_0 is d·(q − 8), Q4_1 is d·q + m, Q8_0 is d·q.
 * @see ggml-quants.h, block_q4_0, block_q4_1, block_q8_0
 */
export function packBlocks(type: PackableType, raw: Uint8Array): PackedBlocks {
  if (type === "Q8_0") return packEightBit(raw);
  return packFourBit(raw, type === "Q4_1");
}

function packFourBit(raw: Uint8Array, hasMinimum: boolean): PackedBlocks {
  const header = hasMinimum ? 4 : 2;
  const count = raw.length / (header + BLOCK / 2);
  const floatOf = halfTable();
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const blocks = new Uint8Array((count * BLOCK) / 2);
  const scales = new Float32Array(count);
  const offsets = new Float32Array(hasMinimum ? count : 0);
  for (let block = 0; block < count; block++) {
    const start = block * (header + BLOCK / 2);
    const scale = floatOf[view.getUint16(start, true)]!;
    scales[block] = scale;
    // d·q + m = d·(q − 8) + (8·d + m)
    if (hasMinimum) offsets[block] = 8 * scale + floatOf[view.getUint16(start + 2, true)]!;
    const quants = start + header;
    const target = block * (BLOCK / 2);
    // GGUF keeps element i in the low and i + 16 in the high half of byte i; MatMulNBits keeps neighbours together.
    for (let pair = 0; pair < BLOCK / 2; pair++) {
      const first = nibble(raw, quants, 2 * pair);
      blocks[target + pair] = first | (nibble(raw, quants, 2 * pair + 1) << 4);
    }
  }
  return { bits: 4, blocks, scales, ...(hasMinimum ? { offsets } : {}) };
}

const nibble = (raw: Uint8Array, start: number, index: number): number =>
  index < BLOCK / 2 ? raw[start + index]! & 15 : raw[start + index - BLOCK / 2]! >> 4;

function packEightBit(raw: Uint8Array): PackedBlocks {
  const count = raw.length / (2 + BLOCK);
  const floatOf = halfTable();
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const blocks = new Uint8Array(count * BLOCK);
  const scales = new Float32Array(count);
  for (let block = 0; block < count; block++) {
    const start = block * (2 + BLOCK);
    scales[block] = floatOf[view.getUint16(start, true)]!;
    for (let i = 0; i < BLOCK; i++) {
      blocks[block * BLOCK + i] = view.getInt8(start + 2 + i) + 128;
    }
  }
  return { bits: 8, blocks, scales };
}

/**
 * Rounds f32 values, whole blocks of {@link BLOCK}, to 8 bits (scale = largest / 127) or to 4 (scale = range / 15, with an offset): what
 * Q8_0 and Q4_1 do, with scales kept in f32.
 */
export function roundBlocks(values: Float32Array, bits: 4 | 8): PackedBlocks {
  const count = values.length / BLOCK;
  const blocks = new Uint8Array((values.length * bits) / 8);
  const scales = new Float32Array(count);
  const offsets = new Float32Array(bits === 4 ? count : 0);
  for (let block = 0; block < count; block++) {
    const own = values.subarray(block * BLOCK, (block + 1) * BLOCK);
    const target = blocks.subarray((block * BLOCK * bits) / 8, ((block + 1) * BLOCK * bits) / 8);
    if (bits === 8) scales[block] = roundToEight(own, target);
    else {
      const { scale, least } = roundToFour(own, target);
      scales[block] = scale;
      offsets[block] = least + 8 * scale;
    }
  }
  return { bits, blocks, scales, ...(bits === 4 ? { offsets } : {}) };
}

function roundToEight(values: Float32Array, target: Uint8Array): number {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const scale = Math.fround(largest / 127);
  for (const [i, value] of values.entries()) {
    target[i] = 128 + (scale === 0 ? 0 : Math.round(value / scale));
  }
  return scale;
}

function roundToFour(values: Float32Array, target: Uint8Array): { scale: number; least: number } {
  const least = Math.min(...values);
  const scale = Math.fround((Math.max(...values) - least) / 15);
  const step = (value: number) =>
    scale === 0 ? 0 : Math.min(15, Math.round((value - least) / scale));
  for (let pair = 0; pair < target.length; pair++) {
    target[pair] = step(values[2 * pair]!) | (step(values[2 * pair + 1]!) << 4);
  }
  return { scale, least };
}
