import { z } from "zod";
import { parseJson, parseWith } from "../../core/index.ts";
import { repeatedKey } from "./json-keys.ts";
import { RandomAccessFile } from "./random-access.ts";
import { blockLayout, elementCount, isTensorType, type TensorType } from "./tensor-type.ts";
import {
  checkPlacement,
  createWeightFile,
  invalid,
  type PlacedTensor,
  quote,
  type WeightFile,
  type WeightHeader,
} from "./weight-file.ts";

/** The reference's cap; a header of a model with 100,000 tensors stays under it. */
const MAX_HEADER_BYTES = 100_000_000;
const LENGTH_BYTES = 8;
const MAX_DIMENSIONS = 8;

const offset = z.int().min(0);
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(offset).max(MAX_DIMENSIONS),
  data_offsets: z.tuple([offset, offset]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * Opens a safetensors file (F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL). Metadata is `__metadata__`.
 * @throws RagError file/not-found, file/unreadable; model/invalid naming the field that is wrong
 * @see https://github.com/huggingface/safetensors#format
 */
export function openSafetensors(path: string): WeightFile {
  const file = new RandomAccessFile(path);
  try {
    return createWeightFile(file, readHeader(file));
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

function readHeader(file: RandomAccessFile): WeightHeader {
  const headerBytes = readHeaderLength(file);
  const dataStart = LENGTH_BYTES + headerBytes;
  const entries = Object.entries(parseHeader(file, headerBytes));
  const tensors = new Map<string, PlacedTensor>();
  let metadata: Readonly<Record<string, string>> = {};
  for (const [name, raw] of entries) {
    if (name === "__metadata__") {
      metadata = parseWith(metadataSchema, raw, `${file.name}: __metadata__`, "model/invalid");
    } else {
      tensors.set(name, readEntry(file, name, raw, dataStart));
    }
  }
  checkPlacement(file, tensors.values());
  checkNothingElse(file, tensors.values(), dataStart);
  return { tensors, metadata };
}

function readHeaderLength(file: RandomAccessFile): number {
  if (file.size < LENGTH_BYTES) {
    throw invalid(file.name, "file", "at least 8 bytes", `${file.size}`);
  }
  const lengthBytes = file.read(0, LENGTH_BYTES);
  const length = Number(new DataView(lengthBytes.buffer).getBigUint64(0, true));
  const most = Math.min(MAX_HEADER_BYTES, file.size - LENGTH_BYTES);
  if (length < 2 || length > most) {
    throw invalid(file.name, "header length", `2 to ${most} bytes`, length);
  }
  return length;
}

function parseHeader(file: RandomAccessFile, headerBytes: number): object {
  let text: string;
  const bytes = file.read(LENGTH_BYTES, headerBytes);
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw invalid(file.name, "header", "JSON in UTF-8", "bytes that are not UTF-8");
  }
  const parsed = parseJson(text, (problem) => invalid(file.name, "header", "JSON", problem));
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    const found = parsed === null ? "null" : Array.isArray(parsed) ? "a list" : typeof parsed;
    throw invalid(file.name, "header", "a JSON object", found);
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) {
    throw invalid(file.name, `tensor ${quote(repeated)}`, "one entry", "two of the same name");
  }
  return parsed;
}

function readEntry(
  file: RandomAccessFile,
  name: string,
  raw: unknown,
  dataStart: number,
): PlacedTensor {
  const field = `tensor ${quote(name)}`;
  const entry = parseWith(entrySchema, raw, `${file.name}: ${field}`, "model/invalid");
  const type = tensorType(file, field, entry.dtype);
  const [begin, end] = entry.data_offsets;
  const byteLength = elementCount(entry.shape) * blockLayout(type).bytes;
  if (!Number.isSafeInteger(byteLength) || end - begin !== byteLength) {
    const expected = `${byteLength} bytes for ${type} [${entry.shape.join(", ")}]`;
    throw invalid(file.name, `${field}, data_offsets`, expected, end - begin);
  }
  return { name, type, shape: entry.shape, byteLength, position: dataStart + begin };
}

function tensorType(file: RandomAccessFile, field: string, dtype: string): TensorType {
  if (isTensorType(dtype) && blockLayout(dtype).elements === 1) return dtype;
  throw invalid(file.name, `${field}, dtype`, "F32, F16, BF16 or an integer type", quote(dtype));
}

/** The format allows no byte that belongs to no tensor: nothing can hide in the file. */
function checkNothingElse(
  file: RandomAccessFile,
  tensors: Iterable<PlacedTensor>,
  dataStart: number,
): void {
  let used = 0;
  for (const tensor of tensors) used += tensor.byteLength;
  if (dataStart + used !== file.size) {
    throw invalid(file.name, "tensor data", `${used} bytes in all`, file.size - dataStart);
  }
}
