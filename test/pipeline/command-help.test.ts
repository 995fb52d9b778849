import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const MAIN = ["--import", "tsx", "pipeline/main.ts"];

/** What a command line prints, and how it ends. */
async function foreword(...args: readonly string[]) {
  const ended = await run(process.execPath, [...MAIN, ...args]).catch((thrown) => thrown);
  return { code: ended.code ?? 0, stdout: String(ended.stdout), stderr: String(ended.stderr) };
}

describe("help of the command line", () => {
  for (const command of ["search", "prompts export"]) {
    test(`${command} --help shows the options of all commands, and an example`, async () => {
      const { code, stdout } = await foreword(...command.split(" "), "--help");
      assert.equal(code, 0);
      assert.match(stdout, /Global Options:[\s\S]*--store <folder>[\s\S]*--json/);
      assert.match(stdout, new RegExp(`Example:\n  foreword ${command} `));
    });
  }

  test("the help names every setting, and says that other flags are none", async () => {
    const { stdout } = await foreword("--help");
    assert.match(stdout, /maxTokens/);
    assert.match(stdout, /minSimilarity/);
    assert.match(stdout, /All other flags are flags only/);
    assert.match(stdout, /FOREWORD_CONFIG/);
  });

  for (const [args, sentence] of [
    [
      "prompts export x",
      "required option '--format <format>' not specified; see foreword prompts export --help.",
    ],
    [
      "tune x --epoch 3",
      "unknown option '--epoch' (Did you mean --epochs?); see foreword tune --help.",
    ],
  ] as const) {
    test(`"${args}" is refused in one sentence that says where to look`, async () => {
      const { code, stderr } = await foreword(...args.split(" "));
      assert.equal(code, 2);
      assert.equal(stderr, `foreword: ${sentence}\n`);
    });
  }
});
