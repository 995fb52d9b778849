import type { FileHandle } from "node:fs/promises";
import { open, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  RagError,
  readBytes,
  sha256,
  systemCode,
  withFileLock,
  writeAtomic,
  writeBytes,
  writeFileAtomic,
} from "../core/index.ts";
import type { ElementType, Graph, Value } from "../graph/index.ts";
import { openWeights, type WeightFile } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecoderWeights } from "./decoder-graph.ts";
import { type ModelPlan, type Projection, planModel } from "./families/index.ts";
import type { DecoderSource } from "./model.ts";
import { BLOCK, type PackedBlocks, roundBlocks } from "./packing.ts";
import { rotaryTables } from "./rotary-tables.ts";
import { WeightParts } from "./weight-parts.ts";

/**
 * "float32": every weight as f32, for gradients. For inference "packed": 4- and 8-bit blocks as in the file, everything else as f32;
 * "int8" and "int4": everything else rounded to blocks as well, which is faster, smaller and less exact.
 */
export type WeightFormat = "float32" | "packed" | "int8" | "int4";

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

  /** Weights that can be trained, by name: all but the fixed tables. */
  get trainableNames(): readonly string[] {
    return Object.keys(this.#entries).filter(isTrainableWeight);
  }

  shapeOf(name: string): readonly number[] {
    return this.#entry(name).shape;
  }

  /** The values of a float32 weight. `folder`: where the layout lies. @throws RagError model/invalid */
  async read(name: string, folder: string): Promise<Float32Array> {
    const { offset, byteLength } = this.#entry(name);
    const values = new Float32Array(byteLength / Float32Array.BYTES_PER_ELEMENT);
    const handle = await open(join(folder, this.file), "r");
    try {
      const bytes = new Uint8Array(values.buffer);
      const read = await readBytes(handle, bytes, offset);
      if (read < byteLength) throw new RagError("model/invalid", `${this.file}: ends early`);
    } finally {
      await handle.close();
    }
    return values;
  }

  /** Declares a weight of this layout in a graph. */
  weight(graph: Graph, name: string): Value {
    const { type, shape, offset, byteLength } = this.#entry(name);
    return graph.weight(name, type as ElementType, shape, { file: this.file, offset, byteLength });
  }

  #entry(name: string): Entry {
    const entry = this.#entries[name];
    if (entry) return entry;
    throw new RagError("model/invalid", `${this.file}: has no weight "${name}"`);
  }
}

/** Rotary tables follow from the configuration; everything else was trained once. */
export const isTrainableWeight = (name: string): boolean => !name.startsWith("rotary.");

/**
 * Opens the layout of a model in `folder`, writing it first when it is not there. Two processes write it once.
 * `positions`: how many rows the rotary tables hold, at least the longest context.
 * @throws RagError model/invalid, file/write-failed; the signal's reason when aborted, between two weights: then nothing is kept
 */
export async function openWeightLayout(
  model: DecoderSource,
  options: {
    readonly folder: string;
    readonly format: WeightFormat;
    readonly positions: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<WeightLayout> {
  // Tables are computed from the configuration, which lies in another file than the weights.
  const shape = sha256(JSON.stringify(model.config)).slice(0, 12);
  const name = `weights-${options.format}-v${VERSION}-${options.positions}-${shape}`;
  const binary = join(options.folder, `${name}.bin`);
  const manifest = join(options.folder, `${name}.json`);
  const known = await readManifest(manifest, binary);
  const { signal } = options;
  const lock = { waitMs: 600_000, ...(signal ? { signal } : {}) };
  // A complete layout needs no lock, which a folder that may only be read has no room for.
  const entries = known ?? (await withFileLock(manifest, lock, makeLayout));
  return new WeightLayout(`${name}.bin`, options.format, entries);

  async function makeLayout(): Promise<Readonly<Record<string, Entry>>> {
    const meanwhile = await readManifest(manifest, binary);
    if (meanwhile) return meanwhile;
    const file = openWeights(model.weightsPath);
    try {
      return await writeLayout(model.config, file, { ...options, binary, manifest });
    } finally {
      file.close();
    }
  }
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
    readonly signal?: AbortSignal | undefined;
  },
): Promise<Readonly<Record<string, Entry>>> {
  const plan = planModel(config);
  const parts = new WeightParts(file, config, plan);
  const entries: Record<string, Entry> = {};
  let byteLength = 0;
  await writeAtomic(options.binary, async (handle) => {
    const writer = new LayoutWriter(handle, entries, options.signal);
    await writeWeights(writer, parts, plan, options.format);
    await writeRotaryTables(writer, config, options.positions);
    byteLength = writer.position;
  }).catch((thrown: unknown) => {
    // An abort is told as what it is, not as a file that could not be written.
    options.signal?.throwIfAborted();
    throw thrown;
  });
  await writeFileAtomic(
    options.manifest,
    JSON.stringify({ version: VERSION, byteLength, entries }),
  );
  return entries;
}

async function writeWeights(
  writer: LayoutWriter,
  parts: WeightParts,
  plan: ModelPlan,
  format: WeightFormat,
): Promise<void> {
  for (const projection of plan.projections) {
    await writeMatrix(writer, parts, projection, format);
    const bias = parts.bias(projection);
    if (bias) await writer.floats(`${projection.name}.bias`, [bias.length], bias);
  }
  for (const { name, tensor, shape } of plan.plain) {
    await writer.floats(name, shape, parts.plain(tensor, shape));
  }
}

async function writeMatrix(
  writer: LayoutWriter,
  source: WeightParts,
  projection: Projection,
  format: WeightFormat,
): Promise<void> {
  const { name, parts, columns } = projection;
  const rows = parts.reduce((sum, part) => sum + part.rows, 0);
  const packed = format === "float32" ? undefined : blocksOf(source, projection, format);
  if (!packed) return writer.floats(name, [rows, columns], source.matrix(projection));
  const perRow = columns / BLOCK;
  const shape = [rows, perRow, packed.blocks.length / (rows * perRow)];
  await writer.bytes(`${name}.blocks`, "uint8", shape, packed.blocks);
  await writer.floats(`${name}.scales`, [rows * perRow], packed.scales);
  if (packed.offsets) await writer.floats(`${name}.offsets`, [rows, perRow], packed.offsets);
}

function blocksOf(
  source: WeightParts,
  projection: Projection,
  format: Exclude<WeightFormat, "float32">,
): PackedBlocks | undefined {
  const stored = source.packed(projection);
  if (stored || format === "packed" || projection.columns % BLOCK !== 0) return stored;
  // Rounding shows most in the table of embeddings, which is the output projection of many models too.
  const bits = format === "int8" || projection.name === "embedding" ? 8 : 4;
  return roundBlocks(source.matrix(projection), bits);
}

async function writeRotaryTables(
  writer: LayoutWriter,
  { positions, headDimension }: DecoderConfig,
  count: number,
): Promise<void> {
  if (positions.kind === "learned") return;
  const tables = rotaryTables(positions, headDimension, count);
  const shape = [count, headDimension / 2];
  await writer.floats("rotary.cosines", shape, tables.cosines);
  await writer.floats("rotary.sines", shape, tables.sines);
}

/** Appends tensors to the open file, each on a page of its own, and notes where. */
class LayoutWriter {
  position = 0;
  readonly #handle: FileHandle;
  readonly #entries: Record<string, Entry>;
  readonly #signal: AbortSignal | undefined;

  constructor(handle: FileHandle, entries: Record<string, Entry>, signal: AbortSignal | undefined) {
    this.#handle = handle;
    this.#entries = entries;
    this.#signal = signal;
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
    this.#signal?.throwIfAborted();
    const padding = (ALIGNMENT - (this.position % ALIGNMENT)) % ALIGNMENT;
    await writeBytes(this.#handle, new Uint8Array(padding));
    this.position += padding;
    this.#entries[name] = {
      type,
      shape: [...shape],
      offset: this.position,
      byteLength: data.byteLength,
    };
    await writeBytes(this.#handle, data);
    this.position += data.byteLength;
  }
}
