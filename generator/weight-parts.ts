import { basename } from "node:path";
import { RagError } from "../core/index.ts";
import type { TensorInfo, WeightFile } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import {
  type ModelPlan,
  type Part,
  type Projection,
  planModel,
  type TensorNames,
} from "./families/index.ts";
import { BLOCK, isPackable, type PackedBlocks, packBlocks } from "./packing.ts";

/** Reads the matrices and vectors of a plan from a model file, whatever its format stores them as. */
export class WeightParts {
  readonly #file: WeightFile;
  readonly #headDimension: number;

  /**
   * @throws RagError model/invalid naming the first tensor that is missing or has another shape than the
   *   configuration asks for, before any is read
   */
  constructor(file: WeightFile, config: DecoderConfig, plan: ModelPlan) {
    this.#file = file;
    this.#headDimension = config.headDimension;
    for (const { parts, columns } of plan.projections) {
      for (const part of parts) {
        this.#find(part.weight, this.#storedShape(part, columns));
        if (part.bias) this.#find(part.bias, [part.rows]);
      }
    }
    for (const { tensor, shape } of plan.plain) this.#find(tensor, shape);
  }

  /** A projection's parts, one under the other: f32 [rows, columns]. @throws RagError model/invalid */
  matrix({ parts, columns }: Projection): Float32Array {
    const stacked = new Float32Array(parts.reduce((sum, { rows }) => sum + rows * columns, 0));
    let filled = 0;
    for (const part of parts) {
      const stored = this.plain(part.weight, this.#storedShape(part, columns));
      const values = this.#isTransposed(part)
        ? transposed(stored, part.rows, columns)
        : new Float32Array(this.#headOrder(bytesOf(stored), part, part.weight).buffer);
      stacked.set(values, filled);
      filled += values.length;
    }
    return stacked;
  }

  /** A projection's blocks as in the file, or undefined where they are of no format that is served as it is. */
  packed({ parts, columns }: Projection): PackedBlocks | undefined {
    const tensors = parts.map((part) => this.#find(part.weight, this.#storedShape(part, columns)));
    const [type] = new Set(tensors.map((tensor) => tensor.type));
    const isOneType = tensors.every((tensor) => tensor.type === type);
    if (!isOneType || !isPackable(type!) || columns % BLOCK !== 0) return undefined;
    const raw = parts.map((part, index) =>
      this.#headOrder(this.#file.readRaw(tensors[index]!.name), part, part.weight),
    );
    const packed = packBlocks(type, Buffer.concat(raw));
    const names = tensors.map(({ name }) => name).join(", ");
    this.#requireFinite(names, packed.scales);
    if (packed.offsets) this.#requireFinite(names, packed.offsets);
    return packed;
  }

  /** The biases of a projection's parts, f32 [rows], or undefined where it has none. */
  bias({ parts }: Projection): Float32Array | undefined {
    if (!parts.some(({ bias }) => bias)) return undefined;
    const stacked = new Float32Array(parts.reduce((sum, { rows }) => sum + rows, 0));
    let filled = 0;
    for (const part of parts) {
      const values = this.plain(part.bias!, [part.rows]);
      const ordered = this.#headOrder(bytesOf(values), part, part.bias!);
      stacked.set(new Float32Array(ordered.buffer), filled);
      filled += part.rows;
    }
    return stacked;
  }

  /** A tensor as it is, f32. @throws RagError model/invalid where a number is none */
  plain(names: TensorNames, shape: readonly number[]): Float32Array {
    const { name } = this.#find(names, shape);
    const values = this.#file.readF32(name);
    this.#requireFinite(name, values);
    return values;
  }

  #storedShape(part: Part, columns: number): readonly number[] {
    return this.#isTransposed(part) ? [columns, part.rows] : [part.rows, columns];
  }

  #isTransposed(part: Part): boolean {
    return part.isTransposedInHuggingFace && !this.#file.tensors.has(part.weight.gguf);
  }

  /** Rows in the order of transformers: llama.cpp alternates the two halves of each turned head. */
  #headOrder(bytes: Uint8Array, part: Part, names: TensorNames): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(bytes.length);
    if (!part.isInterleavedInGguf || !this.#file.tensors.has(names.gguf)) {
      out.set(bytes);
      return out;
    }
    const rowBytes = bytes.length / part.rows;
    const half = this.#headDimension / 2;
    for (let row = 0; row < part.rows; row++) {
      const within = row % this.#headDimension;
      const from = row - within + 2 * (within % half) + Math.floor(within / half);
      out.set(bytes.subarray(from * rowBytes, (from + 1) * rowBytes), row * rowBytes);
    }
    return out;
  }

  #find(names: TensorNames, shape: readonly number[]): TensorInfo {
    const name = [...names.huggingFace, names.gguf].find((known) => this.#file.tensors.has(known));
    if (name === undefined) {
      throw new RagError(
        "model/invalid",
        `${this.#source}: tensor ${names.huggingFace[0]} (in GGUF: ${names.gguf}): expected it to be in the file, found no tensor of that name; the file is not a complete model of this family.`,
      );
    }
    const tensor = this.#file.tensors.get(name)!;
    if (tensor.shape.join() === shape.join()) return tensor;
    throw new RagError(
      "model/invalid",
      `${this.#source}: tensor ${name}: expected shape [${shape.join(", ")}] as the configuration says, found [${tensor.shape.join(", ")}]; file and configuration are not of the same model.`,
    );
  }

  #requireFinite(name: string, values: Float32Array): void {
    const bad = values.findIndex((value) => !Number.isFinite(value));
    if (bad === -1) return;
    throw new RagError(
      "model/invalid",
      `${this.#source}: tensor ${name}: expected finite numbers, found ${values[bad]} at place ${bad}; the file is damaged, get it again.`,
    );
  }

  get #source(): string {
    return basename(this.#file.path);
  }
}

/** The embedding table, f32 [V, H]. @throws RagError model/invalid */
export function readEmbeddingTable(file: WeightFile, config: DecoderConfig): Float32Array {
  const embedding = planModel(config).projections.find(({ name }) => name === "embedding")!;
  const plan = { projections: [embedding], plain: [] };
  return new WeightParts(file, config, plan).matrix(embedding);
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/** [columns, rows] → [rows, columns]. */
function transposed(values: Float32Array, rows: number, columns: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      out[row * columns + column] = values[column * rows + row]!;
    }
  }
  return out;
}
