import { endianness } from "node:os";
import { RagError } from "../../core/index.ts";
import { halfAt, halfTable } from "./half.ts";
import { decodeQ2K, decodeQ3K, decodeQ4K, decodeQ5K, decodeQ6K } from "./k-quants.ts";
import { blockLayout, type TensorType } from "./tensor-type.ts";

/**
 * Decodes one block: bytes from `at` → numbers from `to`. Products of the scale and the quantised integers fit the
 * 24 bits of an f32, so computing in f64 and rounding once on storing gives the reference's bits.
 */
export type BlockDecoder = (bytes: Uint8Array, at: number, out: Float32Array, to: number) => void;

/**
 * Turns stored numbers into f32, bit for bit as the reference GGUF reader does.
 * bytes: `count / elements · bytes` of the type's blocks → f32 [count].
 * @throws RagError model/invalid when `count` is no whole number of blocks or `bytes` has another length
 * @see ggml-quants.c, `dequantize_row_*`
 */
export function dequantize(type: TensorType, bytes: Uint8Array, count: number): Float32Array {
  const layout = blockLayout(type);
  const blocks = count / layout.elements;
  if (!Number.isSafeInteger(blocks) || blocks < 0 || bytes.length !== blocks * layout.bytes) {
    throw new RagError(
      "model/invalid",
      `${type} data: expected whole blocks of ${layout.elements} numbers in ${layout.bytes} bytes, found ${count} numbers in ${bytes.length} bytes.`,
    );
  }
  if (type === "F32") return copyF32(bytes, count);
  const out = new Float32Array(count);
  if (type === "F16") decodeF16(bytes, out);
  else if (type === "BF16") decodeBF16(bytes, out);
  else if (isPlain(type)) decodePlain(type, bytes, out);
  else decodeBlocks(BLOCK_DECODERS[type], layout, bytes, out);
  return out;
}

type PlainType = "F64" | "I64" | "I32" | "I16" | "I8" | "U8" | "BOOL";
type BlockType = Exclude<TensorType, PlainType | "F32" | "F16" | "BF16">;

const PLAIN_READERS: Readonly<Record<PlainType, (view: DataView, at: number) => number>> = {
  F64: (view, at) => view.getFloat64(at, true),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
  I32: (view, at) => view.getInt32(at, true),
  I16: (view, at) => view.getInt16(at, true),
  I8: (view, at) => view.getInt8(at),
  U8: (view, at) => view.getUint8(at),
  BOOL: (view, at) => (view.getUint8(at) === 0 ? 0 : 1),
};

function isPlain(type: TensorType): type is PlainType {
  return Object.hasOwn(PLAIN_READERS, type);
}

function decodePlain(type: PlainType, bytes: Uint8Array, out: Float32Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const read = PLAIN_READERS[type];
  const size = blockLayout(type).bytes;
  for (let i = 0; i < out.length; i++) out[i] = read(view, i * size);
}

function copyF32(bytes: Uint8Array, count: number): Float32Array {
  if (endianness() === "LE") return new Float32Array(bytes.slice().buffer, 0, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true));
}

function decodeF16(bytes: Uint8Array, out: Float32Array): void {
  const half = halfTable();
  for (let i = 0; i < out.length; i++) out[i] = half[bytes[2 * i]! | (bytes[2 * i + 1]! << 8)]!;
}

function decodeBF16(bytes: Uint8Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer);
  for (let i = 0; i < out.length; i++) {
    bits[i] = ((bytes[2 * i]! << 16) | (bytes[2 * i + 1]! << 24)) >>> 0;
  }
}

function decodeBlocks(
  decode: BlockDecoder,
  layout: { readonly elements: number; readonly bytes: number },
  bytes: Uint8Array,
  out: Float32Array,
): void {
  for (let at = 0, to = 0; to < out.length; at += layout.bytes, to += layout.elements) {
    decode(bytes, at, out, to);
  }
}

/** Q4_0: f16 d, 16 bytes of nibbles; low nibbles are numbers 0 to 15, high ones 16 to 31. value = d·(q − 8). */
const decodeQ40: BlockDecoder = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 2 + i]!;
    out[to + i] = d * ((q & 15) - 8);
    out[to + 16 + i] = d * ((q >> 4) - 8);
  }
};

/** Q4_1: f16 d, f16 m, 16 bytes of nibbles. value = d·q + m. */
const decodeQ41: BlockDecoder = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  const m = halfAt(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 4 + i]!;
    out[to + i] = d * (q & 15) + m;
    out[to + 16 + i] = d * (q >> 4) + m;
  }
};

/** Q5_0: f16 d, 32 fifth bits, 16 bytes of nibbles. value = d·(q − 16). */
const decodeQ50: BlockDecoder = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  const high = wordAt(bytes, at + 2);
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 6 + i]!;
    out[to + i] = d * (((q & 15) | (((high >>> i) & 1) << 4)) - 16);
    out[to + 16 + i] = d * (((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) - 16);
  }
};

/** Q5_1: f16 d, f16 m, 32 fifth bits, 16 bytes of nibbles. value = d·q + m. */
const decodeQ51: BlockDecoder = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  const m = halfAt(bytes, at + 2);
  const high = wordAt(bytes, at + 4);
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 8 + i]!;
    out[to + i] = d * ((q & 15) | (((high >>> i) & 1) << 4)) + m;
    out[to + 16 + i] = d * ((q >> 4) | (((high >>> (i + 16)) & 1) << 4)) + m;
  }
};

/** Q8_0: f16 d, 32 signed bytes. value = d·q. */
const decodeQ80: BlockDecoder = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  for (let i = 0; i < 32; i++) out[to + i] = d * ((bytes[at + 2 + i]! << 24) >> 24);
};

/** The sixteen values an IQ4_NL nibble stands for, denser around zero. */
const IQ4_NL_VALUES = Int8Array.of(
  -127,
  -104,
  -83,
  -65,
  -49,
  -35,
  -22,
  -10,
  1,
  13,
  25,
  38,
  53,
  69,
  89,
  113,
);

/** IQ4_NL: f16 d, 16 bytes of nibbles. value = d · table[q]. */
const decodeIq4Nl: BlockDecoder = (bytes, at, out, to) => {
  const d = halfAt(bytes, at);
  for (let i = 0; i < 16; i++) {
    const q = bytes[at + 2 + i]!;
    out[to + i] = d * IQ4_NL_VALUES[q & 15]!;
    out[to + 16 + i] = d * IQ4_NL_VALUES[q >> 4]!;
  }
};

const BLOCK_DECODERS: Readonly<Record<BlockType, BlockDecoder>> = {
  Q4_0: decodeQ40,
  Q4_1: decodeQ41,
  Q5_0: decodeQ50,
  Q5_1: decodeQ51,
  Q8_0: decodeQ80,
  Q2_K: decodeQ2K,
  Q3_K: decodeQ3K,
  Q4_K: decodeQ4K,
  Q5_K: decodeQ5K,
  Q6_K: decodeQ6K,
  IQ4_NL: decodeIq4Nl,
};

function wordAt(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}
