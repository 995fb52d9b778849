import assert from "node:assert/strict";
import { test } from "node:test";
import { Graph, matMul, matMulFlops, silu } from "../../graph/index.ts";

test("products count two operations for each element and inner place, lengths worked out", () => {
  const g = new Graph();
  const a = g.input("a", "float32", ["B", "S+T", 8]);
  const b = g.input("b", "float32", ["B", "3*T", 8]);
  g.output("y", silu(g, matMul(g, a, b, { transposeB: true })));
  const lengths = { B: 2, S: 5, T: 4 };
  assert.equal(matMulFlops(g, lengths), 2 * 2 * (5 + 4) * (3 * 4) * 8);
});

test("a product that no output needs is not counted, a symbol without length is refused", () => {
  const g = new Graph();
  const a = g.input("a", "float32", ["n", "n"]);
  matMul(g, a, a);
  g.output("y", silu(g, a));
  assert.equal(matMulFlops(g, {}), 0);
  g.output("z", matMul(g, a, a));
  assert.throws(() => matMulFlops(g, {}), { code: "graph/shape", message: /"n"/ });
});
