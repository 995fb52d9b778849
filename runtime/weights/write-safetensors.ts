import { endianness } from "node:os";
import { RagError, writeAtomic } from "../../core/index.ts";
import { elementCount } from "./tensor-type.ts";

/** A tensor to be written: f32, row-major in `shape`. */
export interface DenseTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/**
 * Writes f32 tensors as a safetensors file, whole or not at all. The same tensors and metadata give the same bytes,
 * in whatever order they come: both are sorted by name.
 * @throws RagError model/invalid when a shape does not fit its data, file/write-failed
 */
export async function writeSafetensors(
  path: string,
  tensors: ReadonlyMap<string, DenseTensor>,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  const ordered = [...tensors].sort(byName);
  const header = encodeHeader(ordered, metadata);
  await writeAtomic(path, async (file) => {
    await file.writeFile(header);
    for (const [, { data }] of ordered) await file.writeFile(littleEndian(data));
  });
}

function encodeHeader(
  ordered: readonly (readonly [string, DenseTensor])[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const fields: [string, unknown][] = [];
  const notes = Object.entries(metadata).sort(byName);
  if (notes.length > 0) fields.push(["__metadata__", Object.fromEntries(notes)]);
  let begin = 0;
  for (const [name, { shape, data }] of ordered) {
    checkTensor(name, shape, data);
    const end = begin + data.byteLength;
    fields.push([name, { dtype: "F32", shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  // Written pair by pair: an object would move names that look like numbers to the front.
  const body = fields.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`);
  const text = Buffer.from(`{${body.join(",")}}`);
  const padded = Math.ceil(text.length / 8) * 8;
  const bytes = Buffer.alloc(8 + padded, " ");
  bytes.writeBigUInt64LE(BigInt(padded), 0);
  text.copy(bytes, 8);
  return bytes;
}

function checkTensor(name: string, shape: readonly number[], data: Float32Array): void {
  const isReserved = name === "__metadata__";
  if (elementCount(shape) === data.length && !isReserved) return;
  throw new RagError(
    "model/invalid",
    isReserved
      ? "tensor __metadata__: expected another name, found the one safetensors keeps for itself."
      : `tensor ${name}: expected ${elementCount(shape)} numbers for [${shape.join(", ")}], found ${data.length}.`,
  );
}

function littleEndian(data: Float32Array): Uint8Array {
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  return endianness() === "LE" ? bytes : Buffer.from(bytes).swap32();
}

function byName(a: readonly [string, unknown], b: readonly [string, unknown]): number {
  return a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0;
}
