import { type DecoderConfig, linearModules, loraNames } from "../../../generator/index.ts";
import type { PromptDescription } from "../../prompt-record.ts";
import type { TensorData, TensorMap } from "../../trainable.ts";

/**
 * Weights with LoRA added: W + alpha/rank · B·A on the rows of every module. What is not changed is shared, not copied.
 * `weights`: by the layout's names; `matrices`: A and B by module.
 */
export function mergeLora(
  weights: TensorMap,
  config: DecoderConfig,
  lora: NonNullable<PromptDescription["lora"]>,
  matrices: TensorMap,
): TensorMap {
  const merged = new Map(weights);
  const modules = new Map(linearModules(config).map((module) => [module.path, module]));
  const owned = new Set<string>();
  for (const { path } of lora.modules) {
    const { projection, firstRow, rows, columns } = modules.get(path)!;
    if (!owned.has(projection)) merged.set(projection, copyOf(merged.get(projection)!));
    owned.add(projection);
    const names = loraNames(path);
    const own = merged.get(projection)!.data.subarray(firstRow * columns);
    addProduct(own.subarray(0, rows * columns), {
      a: matrices.get(names.a)!.data,
      b: matrices.get(names.b)!.data,
      rank: lora.rank,
      scale: lora.alpha / lora.rank,
      columns,
    });
  }
  return merged;
}

const copyOf = ({ shape, data }: TensorData): TensorData => ({ shape, data: data.slice() });

/** w [rows, columns] += scale · B [rows, rank] · A [rank, columns]. */
function addProduct(
  w: Float32Array,
  product: {
    readonly a: Float32Array;
    readonly b: Float32Array;
    readonly rank: number;
    readonly scale: number;
    readonly columns: number;
  },
): void {
  const { a, b, rank, scale, columns } = product;
  for (let row = 0; row * columns < w.length; row++) {
    const own = w.subarray(row * columns, (row + 1) * columns);
    for (let r = 0; r < rank; r++) {
      const factor = scale * b[row * rank + r]!;
      const line = a.subarray(r * columns, (r + 1) * columns);
      for (let column = 0; column < columns; column++) own[column]! += factor * line[column]!;
    }
  }
}
