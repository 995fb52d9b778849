import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { temporaryFolder } from "../runtime/temporary-folder.ts";

const root = join(import.meta.dirname, "..", "..");

test("the example of docs/engine.md runs and prints what stands there", (context) => {
  const document = readFileSync(join(root, "docs", "engine.md"), "utf8").replaceAll("\r\n", "\n");
  const block = (language: string) =>
    new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(document)![1]!;
  const program = block("ts").replaceAll('from "../', `from "${pathToFileURL(root).href}/`);
  const path = join(temporaryFolder(context), "example.mts");
  writeFileSync(path, program);
  const { stdout, stderr } = spawnSync(process.execPath, ["--import", "tsx", path], {
    cwd: root,
    encoding: "utf8",
    timeout: 120_000,
  });
  assert.equal(stdout.replaceAll("\r\n", "\n"), block("text"), stderr);
});
