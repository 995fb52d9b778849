import assert from "node:assert/strict";
import { test } from "node:test";
import { BLOCK_TOKENS, blocksOf, PrefixCache, splitAtBlock } from "../../generator/prefix-cache.ts";

const run = (start: number, count: number) => Array.from({ length: count }, (_, i) => start + i);
const rows = (count: number, mark = 0) => ({ data: new Float32Array(count).fill(mark), count });

/** Keeps a prefix block by block, each row one float. */
function keep(cache: PrefixCache, ids: readonly number[], mark = 0): void {
  for (const [index, block] of blocksOf(ids).entries()) {
    cache.add(ids.slice(0, index * BLOCK_TOKENS), block, rows(block.length, mark));
  }
}

const known = (cache: PrefixCache, ids: readonly number[]): number =>
  cache.find(ids).reduce((sum, { count }) => sum + count, 0);

test("prefixes that begin alike share the blocks in which they are alike", () => {
  const cache = new PrefixCache(10_000);
  const [one, other] = [
    [...run(0, 130), 7],
    [...run(0, 130), 8, 9],
  ];
  keep(cache, one);
  assert.equal(known(cache, one), 131);
  assert.equal(known(cache, other), 128);
  assert.equal(known(cache, run(1, 130)), 0);
  keep(cache, other);
  assert.equal(cache.byteLength, (128 + 3 + 4) * 4);
});

test("a shorter last block counts only when it is the same", () => {
  const cache = new PrefixCache(10_000);
  keep(cache, run(0, 70));
  assert.equal(known(cache, run(0, 70)), 70);
  assert.equal(known(cache, run(0, 69)), 64);
});

test("the least recently used block makes room, what hangs off a block before it", () => {
  const cache = new PrefixCache(3 * 64 * 4);
  keep(cache, run(0, 128));
  keep(cache, run(1000, 64));
  assert.equal(known(cache, run(0, 128)), 128);
  keep(cache, run(2000, 64));
  assert.deepEqual([known(cache, run(0, 128)), known(cache, run(1000, 64))], [128, 0]);
  keep(cache, run(3000, 128));
  assert.equal(known(cache, run(0, 128)), 64);
  assert.equal(cache.byteLength, 3 * 64 * 4);
});

test("a prefix longer than the cache keeps its beginning and evicts none of itself", () => {
  const cache = new PrefixCache(2 * 64 * 4);
  keep(cache, run(0, 256));
  assert.equal(known(cache, run(0, 256)), 128);
});

test("the same block behind another beginning is another", () => {
  const cache = new PrefixCache(10_000);
  keep(cache, [...run(0, 64), ...run(500, 64)], 1);
  keep(cache, [...run(100, 64), ...run(500, 64)], 2);
  assert.deepEqual(
    cache.find([...run(100, 64), ...run(500, 64)]).map(({ data }) => data[0]),
    [2, 2],
  );
});

test("a text is cut where its whole blocks end, and never to its end", () => {
  for (const [length, kept] of [
    [0, 0],
    [1, 0],
    [64, 0],
    [65, 64],
    [128, 64],
    [150, 128],
  ] as const) {
    const { prefixIds, ids } = splitAtBlock(run(0, length));
    assert.equal(prefixIds.length, kept);
    assert.deepEqual([...prefixIds, ...ids], run(0, length));
  }
});
