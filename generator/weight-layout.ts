import { open } from "node:fs/promises";
import { join } from "node:path";
import { RagError, readBytes, sha256 } from "../core/index.ts";
import type { ElementType, Graph, Value } from "../graph/index.ts";
import { openWeights } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecoderWeights } from "./decoder-graph.ts";
import { type ModelPlan, type Projection, planModel } from "./families/index.ts";
import type { DecoderSource } from "./model.ts";
import { BLOCK, type PackedBlocks, roundBlocks } from "./packing.ts";
import { rotaryTables } from "./rotary-tables.ts";
import {
  openTensorFile,
  type TensorEntry,
  type TensorFile,
  type TensorWriter,
} from "./tensor-file.ts";
import { WeightParts } from "./weight-parts.ts";

/**
 * "float32": every weight as f32, for gradients. For inference "packed": 4- and 8-bit blocks as in the file, everything else as f32;
 * "int8" and "int4": everything else rounded to blocks as well, which is faster, smaller and less exact.
 */
export type WeightFormat = "float32" | "packed" | "int8" | "int4";

/**
 * A model's weights as a file that graphs refer to, re-arranged once per model and kept in the cache: parts stacked
 * into whole projections, blocks in the layout of the operators. Tables of positions lie in another, since they depend on the context.
 */
export class WeightLayout implements DecoderWeights {
  readonly format: WeightFormat;
  readonly #entries: ReadonlyMap<string, TensorEntry & { readonly file: string }>;

  constructor(format: WeightFormat, files: readonly TensorFile[]) {
    this.format = format;
    this.#entries = new Map(
      files.flatMap(({ file, entries }) =>
        Object.entries(entries).map(([name, entry]) => [name, { ...entry, file }] as const),
      ),
    );
  }

  has(name: string): boolean {
    return this.#entries.has(name);
  }

  /** Weights that can be trained, by name: all but the fixed tables. */
  get trainableNames(): readonly string[] {
    return [...this.#entries.keys()].filter(isTrainableWeight);
  }

  shapeOf(name: string): readonly number[] {
    return this.#entry(name).shape;
  }

  /** The values of a float32 weight. `folder`: where the layout lies. @throws RagError model/invalid */
  async read(name: string, folder: string): Promise<Float32Array> {
    const { file, offset, byteLength } = this.#entry(name);
    const values = new Float32Array(byteLength / Float32Array.BYTES_PER_ELEMENT);
    const handle = await open(join(folder, file), "r");
    try {
      const bytes = new Uint8Array(values.buffer);
      const read = await readBytes(handle, bytes, offset);
      if (read < byteLength) throw new RagError("model/invalid", `${file}: ends early`);
    } finally {
      await handle.close();
    }
    return values;
  }

  /** Declares a weight of this layout in a graph. */
  weight(graph: Graph, name: string): Value {
    const { type, shape, ...place } = this.#entry(name);
    return graph.weight(name, type as ElementType, shape, place);
  }

  #entry(name: string): TensorEntry & { readonly file: string } {
    const entry = this.#entries.get(name);
    if (entry) return entry;
    throw new RagError("model/invalid", `weights: there is none named "${name}"`);
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
  const { folder, format, positions, signal } = options;
  // The configuration lies in another file than the weights: the same ones may be read with another.
  const shape = sha256(JSON.stringify(model.config)).slice(0, 12);
  const weights = await openTensorFile({
    folder,
    name: `weights-${format}-${shape}`,
    signal,
    write: (writer) => writeModel(writer, model, format),
  });
  if (model.config.positions.kind === "learned") return new WeightLayout(format, [weights]);
  const tables = await openTensorFile({
    folder,
    name: `rotary-${positions}-${shape}`,
    signal,
    write: (writer) => writeRotaryTables(writer, model.config, positions),
  });
  return new WeightLayout(format, [weights, tables]);
}

async function writeModel(
  writer: TensorWriter,
  { config, weightsPath }: DecoderSource,
  format: WeightFormat,
): Promise<void> {
  const file = openWeights(weightsPath);
  try {
    const plan = planModel(config);
    await writeWeights(writer, new WeightParts(file, config, plan), plan, format);
  } finally {
    file.close();
  }
}

async function writeWeights(
  writer: TensorWriter,
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
  writer: TensorWriter,
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
  writer: TensorWriter,
  { positions, headDimension }: DecoderConfig,
  count: number,
): Promise<void> {
  if (positions.kind === "learned") return;
  const tables = rotaryTables(positions, headDimension, count);
  const shape = [count, headDimension / 2];
  await writer.floats("rotary.cosines", shape, tables.cosines);
  await writer.floats("rotary.sines", shape, tables.sines);
}
