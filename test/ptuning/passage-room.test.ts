import assert from "node:assert/strict";
import { test } from "node:test";
import { passageCacheBytesOf } from "../../ptuning/training/passage-room.ts";

test("passages get 40% of what a container leaves free, 6 GiB at most, or what is set", (t) => {
  const free = t.mock.method(process, "availableMemory", () => 1000);
  assert.equal(passageCacheBytesOf({ passageCacheBytes: undefined }), 400);
  assert.equal(passageCacheBytesOf({ passageCacheBytes: 7 }), 7);
  free.mock.mockImplementation(() => 2 ** 40);
  assert.equal(passageCacheBytesOf({ passageCacheBytes: undefined }), 6 * 2 ** 30);
});
