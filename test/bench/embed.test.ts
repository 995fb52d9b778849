import assert from "node:assert/strict";
import { test } from "node:test";
import { report } from "../../bench/embed/embed.ts";

test("the rate is of the passages that were embedded, also of fewer than 48", () => {
  const ours = { name: "f32", versions: {}, seconds: [3, 2], vectors: [[1, 0]] };
  const { result } = report([ours], { passages: 10, threads: 1 });
  const { rows, setting } = result as {
    rows: { passagesPerSecond: number }[];
    setting: { passages: number };
  };
  assert.equal(rows[0]?.passagesPerSecond, 5);
  assert.equal(setting.passages, 10);
});
