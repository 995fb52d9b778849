import { RagError } from "../core/index.ts";
import type { Graph } from "./graph.ts";
import type { Node } from "./operator.ts";
import { add } from "./ops/arithmetic.ts";
import { sumTo } from "./ops/reduce.ts";
import type { Value } from "./value.ts";

/**
 * Reverse-mode differentiation: adds to `graph` the nodes that compute d `output` / d target for every
 * target, and returns their values in order. `seed` is d output / d output, of the output's shape (a scalar 1 for a loss).
 * Only what lies between a target and the output is walked: frozen branches cost nothing.
 * @throws RagError graph/unsupported when an operator on the way has no gradient rule, or a target does not reach the output
 * @see Griewank and Walther, Evaluating Derivatives, chapter 3
 */
export function gradients(
  graph: Graph,
  output: Value,
  seed: Value,
  targets: readonly Value[],
): Value[] {
  const nodes = [...graph.nodes];
  const dependent = dependentOn(nodes, targets);
  const found = new Map<Value, Value>([[output, seed]]);
  for (const node of nodes.reverse()) {
    if (!node.outputs.some((value) => dependent.has(value) && found.has(value))) continue;
    for (const [index, gradient] of inputGradients(graph, node, found, dependent).entries()) {
      const input = node.inputs[index];
      if (!gradient || !input || !dependent.has(input)) continue;
      const own = sumTo(graph, gradient, input.shape);
      const before = found.get(input);
      found.set(input, before ? add(graph, before, own) : own);
    }
  }
  return targets.map((target) => found.get(target) ?? unreached(target));
}

/** The targets and every value computed from one. */
function dependentOn(nodes: readonly Node[], targets: readonly Value[]): ReadonlySet<Value> {
  const dependent = new Set(targets);
  for (const node of nodes) {
    if (!node.inputs.some((value) => value && dependent.has(value))) continue;
    for (const value of node.outputs) dependent.add(value);
  }
  return dependent;
}

function inputGradients(
  graph: Graph,
  node: Node,
  found: ReadonlyMap<Value, Value>,
  dependent: ReadonlySet<Value>,
): readonly (Value | undefined)[] {
  const rule = node.operator.gradient;
  if (!rule) {
    throw new RagError(
      "graph/unsupported",
      `operator ${node.operator.type}: has no gradient rule, but lies between a target and the output`,
    );
  }
  const needs = node.inputs.map((value) => value !== undefined && dependent.has(value));
  return rule(
    graph,
    node,
    node.outputs.map((value) => found.get(value)),
    needs,
  );
}

function unreached(target: Value): never {
  throw new RagError("graph/unsupported", `${target.name}: the output does not depend on it`);
}
