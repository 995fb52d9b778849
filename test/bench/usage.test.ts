import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

const MAIN = join(import.meta.dirname, "..", "..", "bench", "main.ts");

for (const [line, told] of [
  [[], /^bench: no bench is named; run npm run bench -- <embed\|.*> \[--json\]\.\n$/],
  [["fly"], /^bench: there is no bench fly; run .*\n$/],
  [["embed", "--frob"], /^bench: Unknown option '--frob'; run .*\n$/],
  [["retrieval"], /^bench: retrieval: give --data FOLDER and --stores FOLDER\.\n$/],
] as const) {
  test(`a bench that is called wrongly says how in one sentence: ${line.join(" ")}`, () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      ["--import", import.meta.resolve("tsx"), MAIN, ...line],
      { encoding: "utf8" },
    );
    assert.match(stderr, told);
    assert.deepEqual([status, stdout], [2, ""]);
  });
}
