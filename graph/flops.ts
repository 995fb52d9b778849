import { RagError } from "../core/index.ts";
import type { Graph } from "./graph.ts";
import { usedNodes } from "./used-nodes.ts";
import type { Dimension, Value } from "./value.ts";

/**
 * Floating-point operations of a graph's matrix products, a multiplication and an addition counting two; what is between them is
 * little beside. `lengths`: what each symbol stands for; "3*T" and "S+T" are worked out.
 * @throws RagError graph/shape for a symbol that has no length
 */
export function matMulFlops(graph: Graph, lengths: Readonly<Record<string, number>>): number {
  return usedNodes(graph)
    .filter(({ operator }) => operator.type === "FusedMatMul" || operator.type === "MatMulNBits")
    .reduce((sum, { inputs, outputs, attributes }) => {
      const [a] = inputs as readonly Value[];
      const inner = a!.shape.at(attributes["transA"] === 1 ? -2 : -1)!;
      const elements = outputs[0]!.shape.reduce<number>(
        (product, dimension) => product * measure(dimension, lengths),
        1,
      );
      return sum + 2 * elements * measure(inner, lengths);
    }, 0);
}

function measure(dimension: Dimension, lengths: Readonly<Record<string, number>>): number {
  if (typeof dimension === "number") return dimension;
  if (lengths[dimension] !== undefined) return lengths[dimension];
  const over = (sign: string, join: (a: number, b: number) => number) =>
    dimension
      .split(sign)
      .map((part) => (/^\d+$/.test(part) ? Number(part) : measure(part, lengths)))
      .reduce(join);
  if (dimension.includes("+")) return over("+", (a, b) => a + b);
  if (dimension.includes("*")) return over("*", (a, b) => a * b);
  throw new RagError("graph/shape", `flops: the length of "${dimension}" is not given`);
}
