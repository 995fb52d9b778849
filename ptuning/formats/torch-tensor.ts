import { type UnzipFileFilter, unzipSync, zipSync } from "fflate";
import { errorMessage, RagError } from "../../core/index.ts";
import { dequantize, type TensorType } from "../../runtime/index.ts";
import type { TensorData } from "../trainable.ts";
import { isKind, type Pickled, parsePickle } from "./pickle.ts";

export interface TorchLimits {
  /** Names the file or request field in errors. */
  readonly source: string;
  /** The largest tensor accepted, in numbers. */
  readonly maxElements: number;
}

const MAX_ENTRIES = 64;
const MAX_PICKLE_BYTES = 2 ** 16;
const MAX_AXES = 8;
const BYTES_PER_NUMBER_MOST = 8;
/** The zip format's number of no compression. */
const STORED = 0;

/** Storage classes of torch by their number format. */
const STORAGES: Readonly<Record<string, TensorType>> = {
  "torch FloatStorage": "F32",
  "torch HalfStorage": "F16",
  "torch BFloat16Storage": "BF16",
  "torch DoubleStorage": "F64",
};
const BYTES: Readonly<Partial<Record<TensorType, number>>> = { F32: 4, F16: 2, BF16: 2, F64: 8 };
const TENSOR = "torch._utils _rebuild_tensor_v2";
const PARAMETER = "torch._utils _rebuild_parameter";
const ORDERED = "collections OrderedDict";
const GLOBALS = new Set([TENSOR, PARAMETER, ORDERED, ...Object.keys(STORAGES)]);

/**
 * Reads the file that `torch.save(tensor)` writes: a zip of a pickle and one storage. SPRING's `.pt` files and the
 * parts of vLLM's `prompt_embeds` have this form. The pickle is parsed as data and never run.
 * Sizes are checked before anything is taken, and nothing is inflated: torch.save does not compress, and a view (a transposed one, every other
 * row) has no more numbers than are stored. Numbers come back as f32 in row-major order.
 * @throws RagError file/invalid, file/too-large
 * @see torch/serialization.py; torch/_utils.py, _rebuild_tensor_v2
 */
export function readTorchTensor(bytes: Uint8Array, limits: TorchLimits): TensorData {
  const { source } = limits;
  const files = unpack(bytes, limits);
  const byteOrder = find(files, "byteorder");
  if (byteOrder && new TextDecoder().decode(byteOrder).trim() !== "little") {
    throw invalid(source, "little-endian numbers", "another byte order");
  }
  const pickle = find(files, "data.pkl");
  if (!pickle) throw invalid(source, "a data.pkl in the archive", "none");
  const tensor = describeTensor(parsePickle(pickle, GLOBALS, source), limits);
  const storage = find(files, `data/${tensor.key}`);
  if (!storage) throw invalid(source, `the storage data/${tensor.key}`, "none");
  return { shape: tensor.shape, data: gatherNumbers(tensor, storage, source) };
}

/** Writes a tensor as `torch.save` does; the same tensor gives the same bytes. */
export function writeTorchTensor({ shape, data }: TensorData): Uint8Array {
  const options = { level: 0, mtime: EPOCH } as const;
  const stored = (content: Uint8Array) => [content, options] as [Uint8Array, typeof options];
  const numbers = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const text = (content: string) => stored(new TextEncoder().encode(content));
  return zipSync({
    "archive/data.pkl": stored(pickleTensor(shape, data.length)),
    "archive/byteorder": text("little"),
    "archive/data/0": stored(numbers),
    "archive/version": text("3\n"),
  });
}

/** The first moment a zip can hold, in local time as fflate reads it. */
const EPOCH = new Date(1980, 0, 1);

/** The archive's files. torch.save packs none of them, so that nothing here can become larger than what was sent. */
function unpack(bytes: Uint8Array, limits: TorchLimits): Map<string, Uint8Array> {
  const { source } = limits;
  const filter = entryFilter(bytes.length, limits);
  try {
    return new Map(Object.entries(unzipSync(bytes, { filter })));
  } catch (cause) {
    if (cause instanceof RagError) throw cause;
    throw new RagError(
      "file/invalid",
      `${source}: expected a file of torch.save (a zip archive), found something else or a part (${errorMessage(cause)}); save the tensor again with torch.save.`,
      { cause },
    );
  }
}

/** Judges each entry by the archive's directory, before its bytes are taken. `archiveBytes`: of the whole file. */
function entryFilter(archiveBytes: number, { source, maxElements }: TorchLimits): UnzipFileFilter {
  const most = maxElements * BYTES_PER_NUMBER_MOST + MAX_PICKLE_BYTES;
  const names = new Set<string>();
  let entries = 0;
  let total = 0;
  return ({ name, size, originalSize, compression }) => {
    entries++;
    total += Math.max(originalSize, size);
    if (entries > MAX_ENTRIES || total > most) {
      throw new RagError(
        "file/too-large",
        `${source}: unpacks to more than ${MAX_ENTRIES} files or ${most} bytes; a tensor of at most ${maxElements} numbers is accepted.`,
      );
    }
    if (compression !== STORED || size !== originalSize) {
      throw invalid(source, "files that are stored as they are", "a compressed one");
    }
    // Files that lie apart are never longer together than the archive around them.
    if (total > archiveBytes) {
      throw invalid(source, "files that lie apart", "some that share their bytes");
    }
    const own = nameInside(name);
    if (names.has(own)) throw invalid(source, "each file once", `${JSON.stringify(own)} twice`);
    names.add(own);
    return true;
  };
}

/** Entries lie below one folder, whatever that is called. */
const nameInside = (path: string): string => path.slice(path.indexOf("/") + 1).slice(0, 80);

function find(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array | undefined {
  for (const [path, content] of files) if (nameInside(path) === name) return content;
  return undefined;
}

interface DescribedTensor {
  readonly type: TensorType;
  /** Of the storage inside the archive. */
  readonly key: string;
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly count: number;
}

function describeTensor(value: Pickled, { source, maxElements }: TorchLimits): DescribedTensor {
  if (isKind(value, "call") && value.callee === PARAMETER) {
    return describeTensor(value.items[0] ?? null, { source, maxElements });
  }
  if (!isKind(value, "call") || value.callee !== TENSOR) {
    throw invalid(source, "one tensor", "another object");
  }
  const [reference, offset, shape, strides] = value.items;
  const id = isKind(reference, "reference") && isKind(reference.id, "tuple") ? reference.id : null;
  const [tag, storage, key] = id?.items ?? [];
  const type = isKind(storage, "global") ? STORAGES[storage.name] : undefined;
  if (tag !== "storage" || !type || typeof key !== "string" || !/^\d{1,6}$/.test(key)) {
    throw invalid(source, "a tensor of float32, float16, bfloat16 or float64", "another");
  }
  const described = {
    type,
    key,
    offset: wholeNumber(offset),
    shape: wholeNumbers(shape),
    strides: wholeNumbers(strides),
  };
  const count = described.shape.reduce((product, length) => product * length, 1);
  const isSound =
    described.shape.length <= MAX_AXES && described.strides.length === described.shape.length;
  if (!isSound) throw invalid(source, "a shape with its strides", "another number of axes");
  if (count > maxElements) {
    throw new RagError(
      "file/too-large",
      `${source}: the tensor [${described.shape.join(", ")}] has more than the ${maxElements} numbers accepted.`,
    );
  }
  return { ...described, count };

  function wholeNumber(number: Pickled | undefined): number {
    if (typeof number === "number" && number >= 0 && number <= 2 ** 40) return number;
    throw invalid(source, "a shape of whole numbers", "something else");
  }
  function wholeNumbers(numbers: Pickled | undefined): number[] {
    if (isKind(numbers, "tuple")) return numbers.items.map(wholeNumber);
    throw invalid(source, "a shape of whole numbers", "something else");
  }
}

function gatherNumbers(tensor: DescribedTensor, storage: Uint8Array, source: string): Float32Array {
  const { type, offset, shape, strides, count } = tensor;
  const available = Math.floor(storage.length / BYTES[type]!);
  // An expanded view repeats what is stored: what it takes in memory would bear no relation to what was sent.
  if (count > available) {
    const expected = `${count} numbers in the storage (contiguous() writes a view out)`;
    throw invalid(source, expected, `${available}`);
  }
  const last = shape.reduce((sum, length, axis) => sum + (length - 1) * strides[axis]!, offset);
  if (count > 0 && last >= available) {
    throw invalid(source, `${last + 1} numbers in the storage`, `${available}`);
  }
  const numbers = dequantize(type, storage.subarray(0, available * BYTES[type]!), available);
  const out = new Float32Array(count);
  const index = new Array<number>(shape.length).fill(0);
  let from = offset;
  for (let i = 0; i < count; i++) {
    out[i] = numbers[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= index[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return out;
}

/** Protocol 2, opcode by opcode as torch writes it. */
function pickleTensor(shape: readonly number[], count: number): Uint8Array {
  const strides = shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
  const integer = (value: number): Buffer => {
    const bytes = Buffer.alloc(5, "J");
    bytes.writeInt32LE(value, 1);
    return bytes;
  };
  const text = (value: string): Buffer => {
    const bytes = Buffer.alloc(5, "X");
    bytes.writeUInt32LE(value.length, 1);
    return Buffer.concat([bytes, Buffer.from(value)]);
  };
  const raw = (value: string) => Buffer.from(value, "latin1");
  const list = (values: readonly number[]) => [raw("("), ...values.map(integer), raw("t")];
  return Buffer.concat([
    raw("\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(("),
    text("storage"),
    raw("ctorch\nFloatStorage\n"),
    text("0"),
    text("cpu"),
    integer(count),
    raw("tQK\x00"),
    ...list(shape),
    ...list(strides),
    raw("\x89ccollections\nOrderedDict\n)RtR."),
  ]);
}

function invalid(source: string, expected: string, found: string): RagError {
  return new RagError(
    "file/invalid",
    `${source}: expected ${expected}, found ${found}; save the tensor again with torch.save.`,
  );
}
