import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

const BENCH = join(import.meta.dirname, "..", "..", "bench");
const MAIN = join(BENCH, "main.ts");
const run = (...line: readonly string[]) =>
  spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), MAIN, ...line], {
    encoding: "utf8",
  });

for (const [line, told] of [
  [[], /^bench: no bench is named; run npm run bench -- <embed\|.*> \[--json\] \[--save\]\.\n$/],
  [["fly"], /^bench: there is no bench fly; run .*\n$/],
  [["embed", "--frob"], /^bench: Unknown option '--frob'; run .*\n$/],
  [
    ["embed", "--threads", "x"],
    /^bench: --threads: expected a whole number .*, found "x"; run .*\n$/,
  ],
  [["index", "--count", "0"], /^bench: --count: expected a whole number .*, found "0"; run .*\n$/],
  [
    ["serve", "--seconds", "1.5"],
    /^bench: --seconds: expected a whole number .*, found "1\.5"; run .*\n$/,
  ],
  [["retrieval"], /^bench: retrieval: give --data FOLDER and --stores FOLDER\.\n$/],
] as const) {
  test(`a bench that is called wrongly says how in one sentence: ${line.join(" ")}`, () => {
    const { status, stdout, stderr } = run(...line);
    assert.match(stderr, told);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}

test("a run without --save leaves the result that the documentation quotes", () => {
  const saved = join(BENCH, "results", "index.json");
  const before = readFileSync(saved);
  const { status, stdout, stderr } = run("index", "--count", "50", "--json");
  assert.equal(status, 0, stderr);
  assert.equal(JSON.parse(stdout).setting.vectors, 50);
  assert.deepEqual(readFileSync(saved), before);
});
