import assert from "node:assert/strict";
import { test } from "node:test";
import { parseJson } from "../../core/index.ts";

const problemOf = (text: string): string => {
  let found = "";
  try {
    parseJson(text, (problem) => {
      found = problem;
      return new Error(problem);
    });
  } catch (thrown) {
    assert.equal((thrown as Error).cause, undefined);
    return found;
  }
  throw new Error("it is JSON");
};

test("JSON is parsed", () =>
  assert.deepEqual(
    parseJson('{"a": [1]}', () => new Error("no")),
    { a: [1] },
  ));

test("a byte order mark is dropped, and does not count as a column", () => {
  assert.deepEqual(
    parseJson('\ufeff{"a": 1}', () => new Error("no")),
    { a: 1 },
  );
  assert.equal(problemOf('\ufeff{"a": hunter2}'), "no valid JSON (line 1, column 7)");
});

for (const [text, problem] of [
  ['{"a": hunter2}', "no valid JSON (line 1, column 7)"],
  ["hunter2", "no valid JSON (line 1, column 1)"],
  ['{\n  "a": "hunter2",\n}', "no valid JSON (line 3, column 1)"],
  ['{"hunter2": 1} hunter2', "no valid JSON (line 1, column 16)"],
  ['["hunter2", truth]', "no valid JSON (line 1, column 16)"],
  ['{"a": "hunter2', "no valid JSON (line 1, column 15)"],
  ["", "no valid JSON (it ends too early)"],
] as const) {
  test(`what is wrong is told by its place and not quoted: ${JSON.stringify(text)}`, () =>
    assert.equal(problemOf(text), problem));
}

test("an unexpected token deep in a long text is found, in one too long it is not looked for", () => {
  const items = (count: number) => `[${"1,\n".repeat(count)}x]`;
  assert.equal(problemOf(items(1000)), "no valid JSON (line 1001, column 1)");
  assert.equal(problemOf(items(400_000)), "no valid JSON");
});
