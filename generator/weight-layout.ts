import type { FileHandle } from "node:fs/promises";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { RagError, systemCode, withFileLock, writeAtomic, writeFileAtomic } from "../core/index.ts";
import type { ElementType, Graph, Value } from "../graph/index.ts";
import { openWeights, type TensorInfo, type WeightFile } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecoderWeights } from "./decoder-graph.ts";
import { type ModelPlan, type Part, type Projection, planModel, type Vector } from "./families.ts";
import type { DecoderSource } from "./model.ts";
import { BLOCK, isPackable, packBlocks } from "./packing.ts";
import { rotaryTables } from "./rotary-tables.ts";

/** "float32": every weight as f32, for gradients. "packed": 4- and 8-bit blocks as in the file, for inference. */
export type WeightFormat = "float32" | "packed";

const VERSION = 1;
/** Operating systems map files page-wise; ONNX Runtime maps a tensor only where a page begins. */
const ALIGNMENT = 4096;

const entrySchema = z.strictObject({
  type: z.enum(["float32", "uint8"]),
  shape: z.array(z.int().nonnegative()),
  offset: z.int().nonnegative(),
  byteLength: z.int().nonnegative(),
});
const layoutSchema = z.strictObject({
  version: z.literal(VERSION),
  byteLength: z.int().nonnegative(),
  entries: z.record(z.string(), entrySchema),
});
type Entry = z.infer<typeof entrySchema>;

/**
 * A model's weights as one file that graphs refer to, re-arranged once per model and kept in the cache: parts stacked
 * into whole projections, blocks in the layout of the operators.
 */
export class WeightLayout implements DecoderWeights {
  readonly file: string;
  readonly format: WeightFormat;
  readonly #entries: Readonly<Record<string, Entry>>;

  constructor(file: string, format: WeightFormat, entries: Readonly<Record<string, Entry>>) {
    this.file = file;
    this.format = format;
    this.#entries = entries;
  }

  has(name: string): boolean {
    return name in this.#entries;
  }

  /** Declares a weight of this layout in a graph. */
  weight(graph: Graph, name: string): Value {
    const entry = this.#entries[name];
    if (!entry) throw new RagError("model/invalid", `${this.file}: has no weight "${name}"`);
    const { type, shape, offset, byteLength } = entry;
    return graph.weight(name, type as ElementType, shape, { file: this.file, offset, byteLength });
  }
}

/**
 * Opens the layout of a model in `folder`, writing it first when it is not there. Two processes write it once.
 * `positions`: how many rows the rotary tables hold, at least the longest context.
 * @throws RagError model/invalid, file/write-failed
 */
export async function openWeightLayout(
  model: DecoderSource,
  options: { readonly folder: string; readonly format: WeightFormat; readonly positions: number },
): Promise<WeightLayout> {
  const name = `weights-${options.format}-v${VERSION}-${options.positions}`;
  const binary = join(options.folder, `${name}.bin`);
  const manifest = join(options.folder, `${name}.json`);
  const entries = await withFileLock(manifest, { waitMs: 600_000 }, async () => {
    const known = await readManifest(manifest, binary);
    if (known) return known;
    const file = openWeights(model.weightsPath);
    try {
      return await writeLayout(model.config, file, { ...options, binary, manifest });
    } finally {
      file.close();
    }
  });
  return new WeightLayout(`${name}.bin`, options.format, entries);
}

async function readManifest(
  manifest: string,
  binary: string,
): Promise<Readonly<Record<string, Entry>> | undefined> {
  try {
    const parsed = layoutSchema.safeParse(JSON.parse(await readFile(manifest, "utf8")));
    const { size } = await stat(binary);
    return parsed.success && parsed.data.byteLength === size ? parsed.data.entries : undefined;
  } catch (thrown) {
    if (systemCode(thrown) === "ENOENT" || thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
}

async function writeLayout(
  config: DecoderConfig,
  file: WeightFile,
  options: {
    readonly format: WeightFormat;
    readonly positions: number;
    readonly binary: string;
    readonly manifest: string;
  },
): Promise<Readonly<Record<string, Entry>>> {
  const plan = planModel(config);
  const entries: Record<string, Entry> = {};
  let byteLength = 0;
  await writeAtomic(options.binary, async (handle) => {
    const writer = new LayoutWriter(handle, entries);
    await writeWeights(writer, { config, plan, file, format: options.format });
    const tables = rotaryTables(config, options.positions);
    const shape = [options.positions, config.headDimension / 2];
    await writer.floats("rotary.cosines", shape, tables.cosines);
    await writer.floats("rotary.sines", shape, tables.sines);
    byteLength = writer.position;
  });
  await writeFileAtomic(
    options.manifest,
    JSON.stringify({ version: VERSION, byteLength, entries }),
  );
  return entries;
}

interface Source {
  readonly config: DecoderConfig;
  readonly plan: ModelPlan;
  readonly file: WeightFile;
  readonly format: WeightFormat;
}

async function writeWeights(writer: LayoutWriter, source: Source): Promise<void> {
  for (const projection of source.plan.projections) {
    await writeMatrix(writer, source, projection);
    if (projection.hasBias) await writeBias(writer, source, projection);
  }
  for (const vector of source.plan.vectors) {
    const tensor = findTensor(source.file, vector);
    requireShape(source.file, tensor, [vector.length]);
    await writer.floats(vector.name, [vector.length], source.file.readF32(tensor.name));
  }
}

async function writeMatrix(
  writer: LayoutWriter,
  { config, file, format }: Source,
  { name, parts, columns }: Projection,
): Promise<void> {
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const tensors = parts.map((part) => {
    const tensor = findTensor(file, part);
    requireShape(file, tensor, [part.rows, columns]);
    return { part, tensor };
  });
  const types = new Set(tensors.map(({ tensor }) => tensor.type));
  const [type] = types;
  if (format === "float32" || types.size > 1 || !isPackable(type!) || columns % BLOCK !== 0) {
    const stacked = new Float32Array(rows * columns);
    let filled = 0;
    for (const { part, tensor } of tensors) {
      const values = file.readF32(tensor.name);
      const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
      const ordered = headOrder(bytes, part, tensor, config);
      stacked.set(new Float32Array(ordered.buffer, ordered.byteOffset, values.length), filled);
      filled += values.length;
    }
    return writer.floats(name, [rows, columns], stacked);
  }
  const raw = Buffer.concat(
    tensors.map(({ part, tensor }) => headOrder(file.readRaw(tensor.name), part, tensor, config)),
  );
  const packed = packBlocks(type, raw);
  const perRow = columns / BLOCK;
  const shape = [rows, perRow, packed.blocks.length / (rows * perRow)];
  await writer.bytes(`${name}.blocks`, "uint8", shape, packed.blocks);
  await writer.floats(`${name}.scales`, [rows * perRow], packed.scales);
  if (packed.offsets) await writer.floats(`${name}.offsets`, [rows, perRow], packed.offsets);
}

async function writeBias(
  writer: LayoutWriter,
  { file }: Source,
  { name, parts }: Projection,
): Promise<void> {
  const pieces = parts.map((part) => {
    const tensor = findTensor(file, {
      huggingFace: part.huggingFace.replace(/weight$/, "bias"),
      gguf: part.gguf.replace(/weight$/, "bias"),
    });
    requireShape(file, tensor, [part.rows]);
    return file.readF32(tensor.name);
  });
  const stacked = Float32Array.from(pieces.flatMap((piece) => [...piece]));
  await writer.floats(`${name}.bias`, [stacked.length], stacked);
}

/** Rows in the order of transformers: llama.cpp alternates the two halves of each rotated head. */
function headOrder(
  bytes: Uint8Array,
  part: Part,
  tensor: TensorInfo,
  { headDimension }: DecoderConfig,
): Uint8Array {
  if (tensor.name !== part.gguf || !part.isInterleavedInGguf) return bytes;
  const rowBytes = bytes.length / part.rows;
  const out = new Uint8Array(bytes.length);
  for (let row = 0; row < part.rows; row++) {
    const within = row % headDimension;
    const half = Math.floor(within / (headDimension / 2));
    const from = row - within + 2 * (within % (headDimension / 2)) + half;
    out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
  }
  return out;
}

function findTensor(file: WeightFile, names: Pick<Vector, "huggingFace" | "gguf">): TensorInfo {
  const tensor = file.tensors.get(names.huggingFace) ?? file.tensors.get(names.gguf);
  if (tensor) return tensor;
  throw new RagError(
    "model/invalid",
    `${file.path}: tensor ${names.huggingFace} (in GGUF: ${names.gguf}) is missing; the file is not a complete model of this family.`,
  );
}

function requireShape(file: WeightFile, tensor: TensorInfo, expected: readonly number[]): void {
  if (tensor.shape.join() === expected.join()) return;
  throw new RagError(
    "model/invalid",
    `${file.path}: tensor ${tensor.name} has shape [${tensor.shape.join(", ")}], the configuration asks for [${expected.join(", ")}].`,
  );
}

/** Appends tensors to the open file, each on a page of its own, and notes where. */
class LayoutWriter {
  position = 0;
  readonly #handle: FileHandle;
  readonly #entries: Record<string, Entry>;

  constructor(handle: FileHandle, entries: Record<string, Entry>) {
    this.#handle = handle;
    this.#entries = entries;
  }

  floats(name: string, shape: readonly number[], data: Float32Array): Promise<void> {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return this.bytes(name, "float32", shape, bytes);
  }

  async bytes(
    name: string,
    type: Entry["type"],
    shape: readonly number[],
    data: Uint8Array,
  ): Promise<void> {
    const padding = (ALIGNMENT - (this.position % ALIGNMENT)) % ALIGNMENT;
    if (padding > 0) await this.#handle.write(new Uint8Array(padding));
    this.position += padding;
    this.#entries[name] = {
      type,
      shape: [...shape],
      offset: this.position,
      byteLength: data.byteLength,
    };
    for (let written = 0; written < data.byteLength; ) {
      written += (await this.#handle.write(data, written)).bytesWritten;
    }
    this.position += data.byteLength;
  }
}
