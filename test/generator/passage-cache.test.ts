import assert from "node:assert/strict";
import { test } from "node:test";
import { PassageCache } from "../../generator/passage-cache.ts";

const entry = (byteLength: number) => ({ byteLength });

test("first come, first kept: what does not fit is not taken in", () => {
  const cache = new PassageCache(100);
  cache.set("1", entry(60));
  cache.set("2", entry(60));
  cache.set("3", entry(40));
  assert.deepEqual(
    ["1", "2", "3"].map((key) => cache.get(key) !== undefined),
    [true, false, true],
  );
});

test("an entry larger than the whole cache is never taken in", () => {
  const cache = new PassageCache(10);
  cache.set("1", entry(11));
  assert.equal(cache.get("1"), undefined);
  assert.equal(cache.byteLength, 0);
});
