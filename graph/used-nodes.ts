import type { Graph } from "./graph.ts";
import type { Node } from "./operator.ts";
import type { Value } from "./value.ts";

/** A block's own nodes, blocks within it likewise. */
const flat = (node: Node): readonly Node[] => (node.inner ? node.inner.flatMap(flat) : [node]);

/** The nodes that an output needs, in order, blocks taken apart. */
export function usedNodes(graph: Graph): readonly Node[] {
  const wanted = new Set<Value>(graph.outputs.values());
  const kept: Node[] = [];
  for (const node of graph.nodes.flatMap(flat).reverse()) {
    if (!node.outputs.some((value) => wanted.has(value))) continue;
    kept.push(node);
    for (const value of node.inputs) if (value) wanted.add(value);
  }
  return kept.reverse();
}
