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

test("each entry is written by itself: all of them may be longer than a string can be", () => {
  const keys: string[] = [];
  // JSON.stringify tells under which key of what it writes an object stands: none where it is the whole.
  const entry = { toJSON: (key: string) => keys.push(key) };
  hashOfLists([[entry, entry], [entry]]);
  assert.deepEqual(keys, ["", "", ""]);
});
