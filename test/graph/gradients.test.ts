import assert from "node:assert/strict";
import { test } from "node:test";
import {
  add,
  argMax,
  attention,
  cast,
  concat,
  dimensionOf,
  divide,
  erf,
  exp,
  expand,
  Graph,
  gather,
  gelu,
  geluTanh,
  gradients,
  layerNorm,
  logSoftmax,
  matMul,
  multiply,
  negate,
  pickPerRow,
  reduceSum,
  reshape,
  rmsNorm,
  rotate,
  sigmoid,
  silu,
  softmax,
  split,
  sqrt,
  subtract,
  tanh,
  transpose,
} from "../../graph/index.ts";
import { floats, integers } from "../../runtime/index.ts";
import { assertGradientMatches } from "./gradient-check.ts";

const binaries = { add, subtract, multiply, divide };
for (const [name, op] of Object.entries(binaries)) {
  test(`${name}: gradient matches central differences, broadcasting undone`, async () => {
    const positive = { range: [0.5, 1.5] as const };
    await assertGradientMatches(
      (g, [a, b]) => op(g, a!, b!),
      [
        [2, 3],
        [2, 3],
      ],
      {},
      positive,
    );
    await assertGradientMatches((g, [a, b]) => op(g, a!, b!), [["n", 3], [3]], { n: 2 }, positive);
    await assertGradientMatches(
      (g, [a, b]) => op(g, a!, b!),
      [
        [2, 1],
        ["n", 2, 3],
      ],
      { n: 2 },
      positive,
    );
  });
}

const unaries = { negate, sigmoid, silu, tanh, exp, erf, gelu, geluTanh };
for (const [name, op] of Object.entries(unaries)) {
  test(`${name}: gradient matches central differences`, () =>
    assertGradientMatches((g, [x]) => op(g, x!), [[2, 5]], {}, { range: [-2, 2] }));
}

test("sqrt: gradient matches central differences", () =>
  assertGradientMatches((g, [x]) => sqrt(g, x!), [[6]], {}, { range: [0.5, 2] }));

test("attention: queries, keys and values of every run, heads in groups, match central differences", () =>
  assertGradientMatches(
    (g, [q, k1, v1, k2, v2], { mask }) => {
      const runs = [
        { key: k1!, value: v1! },
        { key: k2!, value: v2! },
      ];
      return attention(g, q!, runs, mask!);
    },
    [
      ["b", 4, 3, 2],
      ["b", 2, "p", 2],
      ["b", 2, "p", 2],
      ["b", 2, 3, 2],
      ["b", 2, 3, 2],
    ],
    { b: 2, p: 2 },
    { fixed: { mask: floats(causal(2, 3), [1, 1, 3, 5]) } },
  ));

/** Earlier rows are seen by all, later new ones by none. */
function causal(earlier: number, tokens: number): Float32Array {
  const columns = earlier + tokens;
  return Float32Array.from({ length: tokens * columns }, (_, i) =>
    (i % columns) - earlier > Math.floor(i / columns) ? -1e9 : 0,
  );
}

test("attention over frozen keys and values adds no gradient of them", () => {
  const g = new Graph();
  const input = (name: string) => g.input(name, "float32", [1, 1, 2, 4]);
  const [q, frozen] = [input("q"), { key: input("k"), value: input("v") }];
  const y = attention(g, q, [frozen], g.input("mask", "float32", [1, 1, 2, 2]));
  const before = g.nodes.length;
  gradients(g, y, y, [q]);
  const products = g.nodes.slice(before).filter((node) => node.operator.type === "FusedMatMul");
  assert.equal(products.length, 2);
});

test("softmax: gradient matches central differences", () =>
  assertGradientMatches((g, [x]) => softmax(g, x!), [[2, 3, 5]]));

test("log softmax: gradient matches central differences", () =>
  assertGradientMatches((g, [x]) => logSoftmax(g, x!), [[3, 5]]));

test("reduce sum: gradient matches central differences over any axis", async () => {
  await assertGradientMatches((g, [x]) => reduceSum(g, x!, [-1]), [["n", 4]], { n: 3 });
  await assertGradientMatches((g, [x]) => reduceSum(g, x!, [0, 1]), [[2, 2, 3]]);
});

for (const transposeA of [false, true]) {
  for (const transposeB of [false, true]) {
    test(`matMul, transposeA ${transposeA}, transposeB ${transposeB}: gradient matches central differences`, async () => {
      const a = transposeA ? [4, 3] : [3, 4];
      const b = transposeB ? [5, 4] : [4, 5];
      const options = { transposeA, transposeB, scale: 0.7 };
      await assertGradientMatches((g, [x, y]) => matMul(g, x!, y!, options), [a, b]);
      await assertGradientMatches(
        (g, [x, y]) => matMul(g, x!, y!, options),
        [
          [2, ...a],
          [2, ...b],
        ],
      );
    });
  }
}

test("matMul with a matrix shared by a batch sums that matrix's gradient over the batch", () =>
  assertGradientMatches(
    (g, [x, w]) => matMul(g, x!, w!, { transposeB: true }),
    [
      ["n", 3, 4],
      [5, 4],
    ],
    { n: 2 },
  ));

test("matMul of unequal inner dimensions is refused with both shapes", () => {
  const g = new Graph();
  const a = g.input("a", "float32", [2, 3]);
  assert.throws(() => matMul(g, a, a), { code: "graph/shape", message: /float32\[2, 3\]/ });
});

test("rmsNorm: gradient of x and weight matches central differences", () =>
  assertGradientMatches(
    (g, [x, w]) => rmsNorm(g, x!, w!, 1e-5),
    [["n", 6], [6]],
    { n: 3 },
    { step: 3e-3 },
  ));

test("layerNorm: gradient of x, weight and bias matches central differences", () =>
  assertGradientMatches(
    (g, [x, weight, bias]) => layerNorm(g, x!, { weight: weight!, bias: bias!, epsilon: 1e-5 }),
    [["n", 6], [6], [6]],
    { n: 3 },
    { step: 3e-3 },
  ));

test("reshape and transpose: gradients match central differences", async () => {
  await assertGradientMatches((g, [x]) => reshape(g, x!, ["n", 6]), [["n", 2, 3]], { n: 2 });
  await assertGradientMatches((g, [x]) => transpose(g, x!, [2, 0, 1]), [["n", 2, 3]], { n: 2 });
});

test("reshape that joins two open lengths: the gradient finds its way back", () =>
  assertGradientMatches((g, [x]) => reshape(g, x!, ["b*n", 2]), [["b", "n", 2]], {
    b: 2,
    n: 3,
    "b*n": 6,
  }));

test("a reshape that leaves two lengths open is refused", () => {
  const g = new Graph();
  const x = g.input("x", "float32", ["a", "b"]);
  assert.throws(() => reshape(g, x, ["c", "d"]), { code: "graph/shape" });
});

test("concat: each part gets its own rows of the gradient", () =>
  assertGradientMatches(
    (g, [a, b]) => concat(g, [a!, b!], 1, "p+n"),
    [
      [2, "p", 2],
      [2, "n", 2],
    ],
    { p: 1, n: 3, "p+n": 4 },
  ));

test("split: a part that is not used gives a zero gradient", () =>
  assertGradientMatches(
    (g, [x, like]) => {
      const [head, tail] = split(g, x!, 0, ["n", 1], g.integers([2, 1]));
      return add(g, head!, reduceSum(g, multiply(g, tail!, like!), [0]));
    },
    [
      ["m", 2],
      ["n", 2],
    ],
    { m: 3, n: 2 },
  ));

test("expand: the gradient is summed back", () =>
  assertGradientMatches(
    (g, [x, like]) => multiply(g, expand(g, x!, ["n", 3], { n: dimensionOf(g, like!, 0) }), like!),
    [
      [1, 3],
      ["n", 3],
    ],
    { n: 4 },
  ));

test("gather: equal indices add up", () =>
  assertGradientMatches(
    (g, [x], { rows }) => gather(g, x!, rows!),
    [[4, 3]],
    {},
    {
      fixed: { rows: integers([2, 0, 2, 2]) },
    },
  ));

test("pick per row: only the picked element has a gradient", () =>
  assertGradientMatches(
    (g, [x], { columns }) => pickPerRow(g, x!, columns!),
    [[3, 4]],
    {},
    {
      fixed: { columns: integers([1, 3, 0]) },
    },
  ));

test("rotary embedding: gradient matches central differences and lengths are kept", () =>
  assertGradientMatches(
    (g, [x], { positions }) => {
      const angles = [0, 0, 0.3, 0.1, 0.6, 0.2, 0.9, 0.3];
      const table = (name: string, of: (angle: number) => number) =>
        g.table(name, [4, 2], Float32Array.from(angles, of));
      return rotate(g, x!, positions!, {
        cosines: table("c", Math.cos),
        sines: table("s", Math.sin),
      });
    },
    [[1, 2, 3, 4]],
    {},
    { fixed: { positions: integers([1, 3, 2], [1, 3]) } },
  ));

test("cast keeps its own type for free and refuses nothing in between", () => {
  const g = new Graph();
  const x = g.input("x", "float32", [2]);
  assert.equal(cast(g, x, "float32"), x);
  assert.equal(cast(g, x, "float16").type, "float16");
});

test("a value used twice gets the sum of both gradients", () =>
  assertGradientMatches((g, [x]) => add(g, multiply(g, x!, x!), softmax(g, x!)), [[2, 3]]));

test("an operator without a rule between target and output fails loudly", () => {
  const g = new Graph();
  const x = g.input("x", "float32", [2, 3]);
  const y = argMax(g, x);
  assert.throws(() => gradients(g, y, g.scalar(1), [x]), {
    code: "graph/unsupported",
    message: /ArgMax/,
  });
});

test("branches that lead to no target add no nodes", () => {
  const g = new Graph();
  const x = g.input("x", "float32", [2, 2]);
  const w = g.input("w", "float32", [2, 2]);
  const frozen = silu(g, multiply(g, w, w));
  const y = multiply(g, x, frozen);
  const before = g.nodes.length;
  gradients(g, y, y, [x]);
  assert.deepEqual(
    g.nodes.slice(before).map((node) => node.operator.type),
    ["Mul"],
  );
});

test("a target the output does not depend on is refused by name", () => {
  const g = new Graph();
  const x = g.input("x", "float32", [2]);
  const other = g.input("other", "float32", [2]);
  assert.throws(() => gradients(g, negate(g, x), g.scalar(1), [other]), { message: /other/ });
});
