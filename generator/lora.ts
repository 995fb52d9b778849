import assert from "node:assert/strict";
import { add, concat, type Graph, matMul, split, type Value } from "../graph/index.ts";
import type { LoraShape } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import type { DecoderOptions } from "./decoder-graph.ts";
import { linearModules, type Module } from "./modules.ts";

/** Names of a module's matrices: in a conditioning, and as inputs of a graph. */
export const loraNames = (module: string) => ({ a: `${module}.lora_A`, b: `${module}.lora_B` });

/** LoRA written into a graph: its inputs in order, and what they do to a projection. */
export interface LoraGraph {
  readonly inputs: readonly Value[];
  readonly adapt: NonNullable<DecoderOptions["adapt"]>;
}

/**
 * Declares A f32 [rank, columns] and B f32 [rows, rank] of every module and adds scale · B·(A·x) to its rows of the projection.
 * @see Hu et al., arXiv 2106.09685, section 4.1
 */
export function buildLora(graph: Graph, config: DecoderConfig, shape: LoraShape): LoraGraph {
  const modules = linearModules(config);
  const matrices = new Map<string, { readonly a: Value; readonly b: Value }>();
  for (const path of shape.modules) {
    const module = modules.find((one) => one.path === path);
    assert.ok(module, path);
    const names = loraNames(path);
    const a = graph.input(names.a, "float32", [shape.rank, module.columns]);
    matrices.set(path, { a, b: graph.input(names.b, "float32", [module.rows, shape.rank]) });
  }
  const delta = (x: Value, path: string): Value => {
    const { a, b } = matrices.get(path)!;
    const narrow = matMul(graph, x, a, { transposeB: true });
    return matMul(graph, narrow, b, { transposeB: true, scale: shape.scale });
  };
  return {
    inputs: [...matrices.values()].flatMap(({ a, b }) => [a, b]),
    adapt: (_, name, x, product) => {
      const parts = modules.filter(({ projection }) => projection === name);
      if (!parts.some(({ path }) => matrices.has(path))) return product;
      return addToParts(graph, product, parts, ({ path }) =>
        matrices.has(path) ? delta(x, path) : undefined,
      );
    },
  };
}

/** Adds to some of the row groups of a stacked product. */
function addToParts(
  graph: Graph,
  product: Value,
  parts: readonly Module[],
  deltaOf: (module: Module) => Value | undefined,
): Value {
  if (parts.length === 1) return add(graph, product, deltaOf(parts[0]!)!);
  const axis = product.shape.length - 1;
  const sizes = parts.map(({ rows }) => rows);
  const pieces = split(graph, product, axis, sizes, graph.integers(sizes)).map((piece, index) => {
    const delta = deltaOf(parts[index]!);
    return delta ? add(graph, piece, delta) : piece;
  });
  return concat(graph, pieces, axis, product.shape[axis]!);
}
