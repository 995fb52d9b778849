import { writeFileSync } from "node:fs";
import { join } from "node:path";

export const goldenFolder = join(import.meta.dirname, "..", "fixtures", "golden");

/** A safetensors file with exactly this header (text or object) and this much data. */
export function writeSafetensorsBytes(
  path: string,
  header: unknown,
  dataBytes: number,
  headerLength?: bigint,
): string {
  const text = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const bytes = Buffer.alloc(8 + text.length + dataBytes);
  bytes.writeBigUInt64LE(headerLength ?? BigInt(text.length), 0);
  text.copy(bytes, 8);
  writeFileSync(path, bytes);
  return path;
}

/** What a hand-made GGUF file consists of; everything can be wrong on purpose. */
export interface GgufParts {
  readonly magic?: string;
  readonly version?: number;
  readonly tensorCount?: bigint;
  readonly pairCount?: bigint;
  readonly pairs?: readonly Uint8Array[];
  readonly tensors?: readonly Uint8Array[];
  readonly dataBytes?: number;
}

export function writeGgufBytes(path: string, parts: GgufParts): string {
  const { pairs = [], tensors = [] } = parts;
  const header = Buffer.concat([
    Buffer.from(parts.magic ?? "GGUF"),
    u32(parts.version ?? 3),
    u64(parts.tensorCount ?? BigInt(tensors.length)),
    u64(parts.pairCount ?? BigInt(pairs.length)),
    ...pairs,
    ...tensors,
  ]);
  const padding = Buffer.alloc((32 - (header.length % 32)) % 32);
  writeFileSync(path, Buffer.concat([header, padding, Buffer.alloc(parts.dataBytes ?? 0)]));
  return path;
}

/** One entry of the tensor list; `dimensions` innermost first, as stored. */
export function ggufTensor(
  name: string,
  dimensions: readonly bigint[],
  type: number,
  offset: bigint,
): Uint8Array {
  const sizes = dimensions.map(u64);
  return Buffer.concat([
    ggufString(name),
    u32(dimensions.length),
    ...sizes,
    u32(type),
    u64(offset),
  ]);
}

/** One key-value pair with the value's bytes as they are. */
export function ggufPair(key: string, type: number, value: Uint8Array): Uint8Array {
  return Buffer.concat([ggufString(key), u32(type), value]);
}

export function ggufString(text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return Buffer.concat([u64(BigInt(bytes.length)), bytes]);
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

export function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}
