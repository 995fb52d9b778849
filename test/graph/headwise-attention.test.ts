import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import { attention, encodeOnnx, Graph, HeadwiseAttention, unsqueeze } from "../../graph/index.ts";
import { floats, Session } from "../../runtime/index.ts";

const [B, N, G, S, D] = [2, 6, 3, 5, 4];

for (const tokens of [1, 7]) {
  test(`attention head by head equals attention by groups of heads, ${tokens} new tokens`, async () => {
    const graph = new Graph();
    const query = graph.input("query", "float32", ["B", N, "T", D]);
    const rows = (name: string, length: string) => ({
      key: graph.input(`${name}.key`, "float32", ["B", G, length, D]),
      value: graph.input(`${name}.value`, "float32", ["B", G, length, D]),
    });
    const [cached, own] = [rows("cached", "S"), rows("own", "T")];
    const mask = graph.input("mask", "float32", ["B", 1, "T", "S+T"]);
    const apart = {
      key: unsqueeze(graph, cached.key, 2),
      value: unsqueeze(graph, cached.value, 2),
    };
    graph.output("byHead", new HeadwiseAttention(graph, mask).attend(query, apart, own));
    graph.output("byGroup", attention(graph, query, [cached, own], mask));

    const random = new Random(3);
    const draw = (...shape: number[]) =>
      floats(
        Float32Array.from({ length: shape.reduce((a, b) => a * b) }, () => random.normal()),
        shape,
      );
    const session = await Session.create(encodeOnnx(graph), { threads: 1 });
    const { byHead, byGroup } = await session.run({
      query: draw(B, N, tokens, D),
      "cached.key": draw(B, G, S, D),
      "cached.value": draw(B, G, S, D),
      "own.key": draw(B, G, tokens, D),
      "own.value": draw(B, G, tokens, D),
      mask: draw(B, 1, tokens, S + tokens),
    });
    await session.close();
    assert.deepEqual(byHead!.shape, [B, N, tokens, D]);
    const [a, b] = [byHead!.data as Float32Array, byGroup!.data as Float32Array];
    for (let i = 0; i < a.length; i++) assert.ok(Math.abs(a[i]! - b[i]!) < 1e-5, `${i}`);
  });
}
