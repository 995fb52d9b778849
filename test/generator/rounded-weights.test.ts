import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import { DecoderGraph, type DecoderWeights } from "../../generator/decoder-graph.ts";
import type { DecoderConfig } from "../../generator/index.ts";
import { BLOCK, type PackedBlocks, roundBlocks } from "../../generator/packing.ts";
import { encodeOnnx, Graph } from "../../graph/index.ts";
import { integers, Session } from "../../runtime/index.ts";

const [VOCABULARY, WIDTH] = [7, 2 * BLOCK];

function someValues(): Float32Array {
  const random = new Random(5);
  const values = Float32Array.from({ length: VOCABULARY * WIDTH }, () => random.normal());
  values.fill(0, 0, BLOCK); // a block of zeros
  values.fill(0.7, BLOCK, 2 * BLOCK); // and one of equal values
  return values;
}

/** value = scale · (q − 2^(bits−1)) + offset */
function valueAt({ bits, blocks, scales, offsets }: PackedBlocks, index: number): number {
  const block = Math.floor(index / BLOCK);
  const quantum =
    bits === 8 ? blocks[index]! - 128 : ((blocks[index >> 1]! >> (4 * (index & 1))) & 15) - 8;
  return scales[block]! * quantum + (offsets?.[block] ?? 0);
}

for (const bits of [8, 4] as const) {
  test(`${bits}-bit blocks are at most half a step away from the values they were made of`, () => {
    const values = someValues();
    const rounded = roundBlocks(values, bits);
    for (const [index, value] of values.entries()) {
      const step = rounded.scales[Math.floor(index / BLOCK)]!;
      const error = Math.abs(valueAt(rounded, index) - value);
      assert.ok(error <= step / 2 + 1e-6, `${index}: ${error} of ${step}`);
    }
  });

  test(`embeddings are read from a table of ${bits}-bit blocks`, async () => {
    const rounded = roundBlocks(someValues(), bits);
    const graph = new Graph();
    const perRow = WIDTH / BLOCK;
    const bytes = rounded.blocks.length / (VOCABULARY * perRow);
    const own = new Map([
      ["embedding.blocks", graph.bytes("blocks", [VOCABULARY, perRow, bytes], rounded.blocks)],
      ["embedding.scales", graph.table("scales", [VOCABULARY * perRow], rounded.scales)],
    ]);
    if (rounded.offsets) {
      own.set("embedding.offsets", graph.table("offsets", [VOCABULARY, perRow], rounded.offsets));
    }
    const weights: DecoderWeights = {
      has: (name) => own.has(name),
      weight: (_, name) => own.get(name)!,
    };
    const config = { width: WIDTH, vocabulary: VOCABULARY } as DecoderConfig;
    const decoder = new DecoderGraph(graph, { config, weights });
    graph.output("rows", decoder.embed(graph.input("ids", "int64", ["B", "T"])));
    const session = await Session.create(encodeOnnx(graph), { threads: 1 });
    const ids = [3, 0, 6];
    const { rows } = await session.run({ ids: integers(ids, [1, 3]) });
    await session.close();
    assert.deepEqual(rows!.shape, [1, 3, WIDTH]);
    for (const [place, id] of ids.entries()) {
      for (let column = 0; column < WIDTH; column++) {
        const found = (rows!.data as Float32Array)[place * WIDTH + column]!;
        assert.ok(Math.abs(found - valueAt(rounded, id * WIDTH + column)) < 1e-6);
      }
    }
  });
}
