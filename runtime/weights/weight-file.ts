import { RagError } from "../../core/index.ts";
import { dequantize } from "./dequantize.ts";
import type { RandomAccessFile } from "./random-access.ts";
import { elementCount, type TensorType } from "./tensor-type.ts";

/** What a weight file says about one tensor. */
export interface TensorInfo {
  readonly name: string;
  readonly type: TensorType;
  /** Outermost dimension first, as PyTorch has it: a linear layer is [out, in]. GGUF stores the reverse. */
  readonly shape: readonly number[];
  readonly byteLength: number;
}

/** An open file of named tensors, whatever its format. Everything its header says has been checked. */
export interface WeightFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** Safetensors: the `__metadata__` strings. GGUF: its key-value pairs (u64 as number where exact, else bigint). */
  readonly metadata: Readonly<Record<string, unknown>>;
  /** The tensor as f32, row-major in its shape. @throws RagError model/invalid when there is no such tensor */
  readF32(name: string): Float32Array;
  /** The tensor's bytes as stored. @throws RagError model/invalid when there is no such tensor */
  readRaw(name: string): Uint8Array;
  close(): void;
}

/** A tensor and where its bytes begin in the file. */
export interface PlacedTensor extends TensorInfo {
  readonly position: number;
}

/** What a format's header reader found. */
export interface WeightHeader {
  readonly tensors: ReadonlyMap<string, PlacedTensor>;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** Joins an open file and its checked header. */
export function createWeightFile(file: RandomAccessFile, header: WeightHeader): WeightFile {
  const find = (name: string) => header.tensors.get(name) ?? missingTensor(file.name, name);
  const readRaw = (name: string) => {
    const tensor = find(name);
    return file.read(tensor.position, tensor.byteLength);
  };
  return {
    path: file.path,
    tensors: header.tensors,
    metadata: header.metadata,
    readRaw,
    readF32: (name) => {
      const { type, shape } = find(name);
      return dequantize(type, readRaw(name), elementCount(shape));
    },
    close: () => file.close(),
  };
}

/** @throws RagError model/invalid, always */
export function missingTensor(file: string, name: string): never {
  throw invalid(file, `tensor ${quote(name)}`, "it to be in the file", "no tensor of that name");
}

/** The error of a damaged or hostile weight file: file, field, expected, found. */
export function invalid(file: string, field: string, expected: string, found: unknown): RagError {
  return new RagError(
    "model/invalid",
    `${file}: ${field}: expected ${expected}, found ${found}; the file is damaged or incomplete, get it again.`,
  );
}

/** A name out of a file, safe to print: quoted, control characters escaped, at most 80 characters. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 80 ? `${name.slice(0, 80)}…` : name);
}

/**
 * Checks that no two tensors share bytes and none leaves the file.
 * @throws RagError model/invalid
 */
export function checkPlacement(file: RandomAccessFile, tensors: Iterable<PlacedTensor>): void {
  const ordered = [...tensors].sort((a, b) => a.position - b.position);
  let end = 0;
  for (const tensor of ordered) {
    const field = `tensor ${quote(tensor.name)}`;
    if (tensor.byteLength > 0 && tensor.position < end) {
      throw invalid(file.name, field, `it to start at byte ${end} or later`, tensor.position);
    }
    end = Math.max(end, tensor.position + tensor.byteLength);
    if (end > file.size) {
      throw invalid(file.name, field, `its end within the file's ${file.size} bytes`, end);
    }
  }
}
