import assert from "node:assert/strict";
import { test } from "node:test";
import { sha256 } from "../../core/index.ts";
import { hashOfLists } from "../../ptuning/training/data-hash.ts";

test("lists have the hash of their JSON text, which checkpoints were saved with", () => {
  const example = { prefixIds: [1, 2], ids: [], answerIds: [3] };
  const cases = [
    [[example, example, { ...example, ids: [4] }], [{ text: 'a "passage"', ids: [5] }]],
    [[example], []],
    [[], [example]],
    [[], []],
    [],
  ];
  for (const lists of cases) assert.equal(hashOfLists(lists), sha256(JSON.stringify(lists)));
});

test("lists whose JSON text is longer than a string can be have one too", () => {
  const large = { text: "a".repeat(60_000_000) };
  const nine = Array(9).fill(large);
  assert.throws(() => JSON.stringify(nine), RangeError);
  assert.match(hashOfLists([nine]), /^[0-9a-f]{64}$/);
});
