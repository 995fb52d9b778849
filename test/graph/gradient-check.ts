import assert from "node:assert/strict";
import { Random } from "../../core/index.ts";
import { encodeOnnx, Graph, gradients, type Value } from "../../graph/index.ts";
import { floats, Session, type Tensor } from "../../runtime/index.ts";

export interface GradientCheck {
  /** Inputs that are not differentiated: indices, positions. */
  readonly fixed?: Readonly<Record<string, Tensor>>;
  /** Values are drawn from (low, high). */
  readonly range?: readonly [number, number];
  readonly step?: number;
  /** Largest allowed difference, relative to the largest entry of the gradient. */
  readonly tolerance?: number;
}

type Build = (
  graph: Graph,
  inputs: readonly Value[],
  fixed: Readonly<Record<string, Value>>,
) => Value;

/**
 * Compares the gradient of Σ r ⊙ f(x…), r random, with central differences in every entry of every x.
 * Shapes may hold symbols, whose lengths are in `lengths`.
 */
export async function assertGradientMatches(
  build: Build,
  shapes: readonly (readonly (number | string)[])[],
  lengths: Readonly<Record<string, number>> = {},
  check: GradientCheck = {},
): Promise<void> {
  const random = new Random(7);
  const [low, high] = check.range ?? [-1, 1];
  const draw = (shape: readonly number[]) =>
    floats(
      Float32Array.from({ length: product(shape) }, () => low + (high - low) * random.next()),
      shape,
    );
  const measure = (shape: readonly (number | string)[]) =>
    shape.map((dimension) => (typeof dimension === "number" ? dimension : lengths[dimension]!));
  const { graph, y } = differentiate(build, shapes, check.fixed ?? {});
  const session = await Session.create(encodeOnnx(graph), { threads: 1 });
  try {
    const inputs = shapes.map((shape) => draw(measure(shape)));
    const feeds: Record<string, Tensor> = { ...check.fixed, r: draw(measure(y.shape)) };
    for (const [index, input] of inputs.entries()) feeds[`x${index}`] = input;
    const sum = async () => {
      const values = (await session.run(feeds, ["y"]))["y"]!.data as Float32Array;
      return values.reduce((total, value, i) => total + value * Number(feeds["r"]!.data[i]), 0);
    };
    const found = await session.run(feeds);
    for (const [index, { data, shape }] of inputs.entries()) {
      const gradient = found[`d${index}`]!;
      assert.deepEqual([...gradient.shape], shape, `gradient ${index} has its input's shape`);
      await compare(data as Float32Array, gradient.data as Float32Array, sum, check);
    }
  } finally {
    await session.close();
  }
}

function differentiate(
  build: Build,
  shapes: readonly (readonly (number | string)[])[],
  fixed: Readonly<Record<string, Tensor>>,
): { graph: Graph; y: Value } {
  const graph = new Graph();
  const inputs = shapes.map((shape, index) => graph.input(`x${index}`, "float32", shape));
  const others = Object.entries(fixed).map(
    ([name, { type, shape }]) => [name, graph.input(name, type, shape)] as const,
  );
  const y = build(graph, inputs, Object.fromEntries(others));
  graph.output("y", y);
  const r = graph.input("r", "float32", y.shape);
  for (const [index, gradient] of gradients(graph, y, r, inputs).entries()) {
    graph.output(`d${index}`, gradient);
  }
  return { graph, y };
}

async function compare(
  values: Float32Array,
  gradient: Float32Array,
  sum: () => Promise<number>,
  check: GradientCheck,
): Promise<void> {
  const step = check.step ?? 1e-2;
  const scale = Math.max(1e-3, ...gradient.map(Math.abs));
  for (const [i, value] of values.entries()) {
    values[i] = value + step;
    const up = await sum();
    values[i] = value - step;
    const down = await sum();
    values[i] = value;
    const expected = (up - down) / (2 * step);
    assert.ok(
      Math.abs(expected - gradient[i]!) < scale * (check.tolerance ?? 5e-3),
      `entry ${i}: ${gradient[i]}, by differences ${expected}`,
    );
  }
}

const product = (shape: readonly number[]) => shape.reduce((a, b) => a * b, 1);
