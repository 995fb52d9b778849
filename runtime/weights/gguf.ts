import { RagError } from "../../core/index.ts";
import { GgufCursor } from "./gguf-cursor.ts";
import { mostPairs, readGgufMetadata } from "./gguf-metadata.ts";
import { RandomAccessFile } from "./random-access.ts";
import { blockLayout, elementCount, type TensorType } from "./tensor-type.ts";
import {
  checkPlacement,
  createWeightFile,
  invalid,
  type PlacedTensor,
  quote,
  type WeightFile,
  type WeightHeader,
} from "./weight-file.ts";

const MAGIC = 0x46554747; // "GGUF", little-endian
const MAX_NAME_BYTES = 1024;
const MAX_DIMENSIONS = 4;
/** Name length, one dimension, type and offset: the least a tensor entry takes. */
const MIN_ENTRY_BYTES = 32;
const MAX_TENSORS = 1_000_000;

const TYPE_NUMBERS: ReadonlyMap<number, TensorType> = new Map([
  [0, "F32"],
  [1, "F16"],
  [2, "Q4_0"],
  [3, "Q4_1"],
  [6, "Q5_0"],
  [7, "Q5_1"],
  [8, "Q8_0"],
  [10, "Q2_K"],
  [11, "Q3_K"],
  [12, "Q4_K"],
  [13, "Q5_K"],
  [14, "Q6_K"],
  [20, "IQ4_NL"],
  [24, "I8"],
  [25, "I16"],
  [26, "I32"],
  [27, "I64"],
  [28, "F64"],
  [30, "BF16"],
]);

/** Formats that exist but that nothing here decodes. */
const UNSUPPORTED_TYPES: ReadonlyMap<number, string> = new Map([
  [9, "Q8_1"],
  [15, "Q8_K"],
  [16, "IQ2_XXS"],
  [17, "IQ2_XS"],
  [18, "IQ3_XXS"],
  [19, "IQ1_S"],
  [21, "IQ3_S"],
  [22, "IQ2_S"],
  [23, "IQ4_XS"],
  [29, "IQ1_M"],
  [34, "TQ1_0"],
  [35, "TQ2_0"],
  [39, "MXFP4"],
]);

/**
 * Opens a GGUF file, version 2 or 3, little-endian. Metadata is its key-value pairs, arrays as arrays.
 * @throws RagError file/not-found, file/unreadable; model/invalid naming the field that is wrong; model/unsupported
 *   for a tensor type this program cannot decode
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function openGguf(path: string): WeightFile {
  const file = new RandomAccessFile(path);
  try {
    return createWeightFile(file, readHeader(new GgufCursor(file)));
  } catch (thrown) {
    file.close();
    throw thrown;
  }
}

function readHeader(cursor: GgufCursor): WeightHeader {
  const { file } = cursor;
  const magic = cursor.u32("magic");
  if (magic !== MAGIC) throw invalid(file.name, "magic", "GGUF", `0x${magic.toString(16)}`);
  const version = cursor.u32("version");
  if (version !== 2 && version !== 3) throw invalid(file.name, "version", "2 or 3", version);
  const mostTensors = Math.min(MAX_TENSORS, Math.floor(cursor.remaining / MIN_ENTRY_BYTES));
  const tensorCount = cursor.count("tensor count", mostTensors);
  const pairs = cursor.count("metadata count", mostPairs(cursor));
  const metadata = readGgufMetadata(cursor, pairs);
  const alignment = readAlignment(file, metadata);
  const entries = new Map<string, TensorEntry>();
  for (let i = 0; i < tensorCount; i++) {
    const entry = readEntry(cursor, i, alignment);
    if (entries.has(entry.name)) {
      throw invalid(file.name, `tensor ${quote(entry.name)}`, "one entry", "two of the same name");
    }
    entries.set(entry.name, entry);
  }
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  return { tensors: place(file, entries.values(), dataStart), metadata };
}

type TensorEntry = Omit<PlacedTensor, "position"> & { readonly offset: number };

function place(
  file: RandomAccessFile,
  entries: Iterable<TensorEntry>,
  dataStart: number,
): ReadonlyMap<string, PlacedTensor> {
  const tensors = new Map<string, PlacedTensor>();
  for (const { offset, ...info } of entries) {
    tensors.set(info.name, { ...info, position: dataStart + offset });
  }
  checkPlacement(file, tensors.values());
  return tensors;
}

function readAlignment(file: RandomAccessFile, metadata: Record<string, unknown>): number {
  const alignment = metadata["general.alignment"] ?? 32;
  const isGood =
    typeof alignment === "number" && Number.isInteger(Math.log2(alignment)) && alignment >= 8;
  if (isGood && alignment <= 65_536) return alignment;
  throw invalid(
    file.name,
    "metadata general.alignment",
    "a power of two, 8 to 65536",
    `${alignment}`,
  );
}

function readEntry(cursor: GgufCursor, index: number, alignment: number): TensorEntry {
  const { file } = cursor;
  const name = cursor.string(`tensor ${index}, name`, MAX_NAME_BYTES);
  const field = `tensor ${quote(name)}`;
  const shape = readShape(cursor, field);
  const type = readType(cursor, field);
  const layout = blockLayout(type);
  const row = shape.at(-1) ?? 1;
  if (row % layout.elements !== 0) {
    const expected = `a multiple of ${layout.elements} for ${type}`;
    throw invalid(file.name, `${field}, innermost dimension`, expected, row);
  }
  const byteLength = (elementCount(shape) / layout.elements) * layout.bytes;
  if (!(byteLength <= file.size)) {
    const expected = `at most the file's ${file.size} bytes`;
    throw invalid(file.name, `${field} [${shape.join(", ")}]`, expected, byteLength);
  }
  const offset = cursor.count(`${field}, offset`, file.size);
  if (offset % alignment !== 0) {
    throw invalid(file.name, `${field}, offset`, `a multiple of ${alignment}`, offset);
  }
  return { name, type, shape, byteLength, offset };
}

function readShape(cursor: GgufCursor, field: string): number[] {
  const rank = cursor.u32(`${field}, dimensions`);
  if (rank > MAX_DIMENSIONS) {
    throw invalid(cursor.file.name, `${field}, dimensions`, `at most ${MAX_DIMENSIONS}`, rank);
  }
  const shape: number[] = [];
  for (let i = 0; i < rank; i++) {
    shape.unshift(cursor.count(`${field}, dimension ${i}`, Number.MAX_SAFE_INTEGER));
  }
  return shape;
}

function readType(cursor: GgufCursor, field: string): TensorType {
  const number = cursor.u32(`${field}, type`);
  const type = TYPE_NUMBERS.get(number);
  if (type !== undefined) return type;
  const known = UNSUPPORTED_TYPES.get(number);
  if (known === undefined) {
    throw invalid(cursor.file.name, `${field}, type`, "a known tensor type", number);
  }
  throw new RagError(
    "model/unsupported",
    `${cursor.file.name}: ${field}: expected one of ${[...TYPE_NUMBERS.values()].join(" ")}, found ${known}; use a file quantised in one of those.`,
  );
}
