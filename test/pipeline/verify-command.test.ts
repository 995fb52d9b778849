import assert from "node:assert/strict";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { savePrompt } from "../../ptuning/index.ts";
import { openCorpus } from "../../retriever/index.ts";
import { tokenPrompt } from "../ptuning/learned-prompts.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { foreword } from "./foreword.ts";

async function verify(t: TestContext, make: (store: string) => Promise<void>) {
  const folder = temporaryFolder(t);
  const store = join(folder, "store");
  await make(store);
  const { code, stdout } = await foreword(["verify", "--store", store, "--json"], { cwd: folder });
  const { findings } = JSON.parse(stdout);
  const checks = findings.map(({ check, ok }: { check: string; ok: boolean }) => [check, ok]);
  return { code, checks: Object.fromEntries(checks) };
}

test("a store without documents, as serve creates it, is whole", async (t) => {
  const { code, checks } = await verify(t, async (store) => {
    openCorpus(store, { create: true, embedder: { id: "hash", dimension: 8 } }).close();
  });
  assert.equal(code, 0);
  assert.deepEqual(checks, { database: true, documents: true, index: true });
});

test("prompts are checked where no documents were ingested", async (t) => {
  const whole = await verify(t, (store) => savePrompt(store, tokenPrompt({ name: "lamps" })));
  assert.equal(whole.code, 0);
  assert.deepEqual(whole.checks, { database: true, 'prompt "lamps"': true });
  const damaged = await verify(t, async (store) => {
    await savePrompt(store, tokenPrompt({ name: "lamps" }));
    await truncate(join(store, "prompts", "lamps", "foreword.json"), 20);
  });
  assert.equal(damaged.code, 1);
  assert.deepEqual(damaged.checks, { database: true, 'prompt "lamps"': false });
});
