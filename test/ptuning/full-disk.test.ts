import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { loadPrompt, savePrompt } from "../../ptuning/index.ts";
import { tokenPrompt } from "./learned-prompts.ts";

const SAVER = join(import.meta.dirname, "save-large-prompt.ts");

/** A process whose files cannot grow past `blocks` of 1,024 bytes: its writes fail half-way, as on a full disk. */
async function saveWithin(blocks: number | "unlimited", store: string): Promise<string> {
  const script = `ulimit -f ${blocks}; exec "$0" "$@"`;
  const command = [process.execPath, "--import", import.meta.resolve("tsx"), SAVER, store];
  const { stdout } = await promisify(execFile)("bash", ["-c", script, ...command]);
  return stdout;
}

test("a prompt that cannot be written whole leaves the old one, and nothing beside it", async (t) => {
  const store = await mkdtemp(join(tmpdir(), "foreword-full-disk-"));
  t.after(() => rm(store, { recursive: true, force: true }));
  await savePrompt(store, tokenPrompt({}, 7));
  const failure = JSON.parse(await saveWithin(256, store)) as { code: string; message: string };
  assert.equal(failure.code, "file/write-failed");
  assert.match(failure.message, /prompt "manuals".*EFBIG/);
  const old = await loadPrompt(store, "manuals");
  assert.ok("virtualTokens" in old.content);
  assert.equal(old.content.virtualTokens[0], 7);
  const left = await readdir(join(store, "prompts"));
  assert.deepEqual(
    left.filter((name) => name.endsWith(".tmp")),
    [],
  );
  assert.equal(await saveWithin("unlimited", store), "saved");
  assert.equal((await loadPrompt(store, "manuals")).about.virtualTokens, 4000);
});
