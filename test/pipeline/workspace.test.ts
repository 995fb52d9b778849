import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { quietWorkspace } from "../../pipeline/quiet-workspace.ts";
import { writeTinyModel } from "../ptuning/tiny-generator.ts";
import { settingsOf } from "./settings-of.ts";

test("closing a workspace gives up what is being opened", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-workspace-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeTinyModel(folder);
  const settings = settingsOf(folder, { model: folder, threads: 1 });
  const workspace = quietWorkspace(settings, new AbortController().signal);
  const givenUp = assert.rejects(workspace.generator(), { name: "AbortError" });
  await workspace.close();
  await givenUp;
});

test("as many answers are decoded together as are generated at once, within what memory allows", async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-workspace-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  await writeTinyModel(folder);
  for (const [parallel, places] of [
    [2, 8],
    [12, 12],
    [256, 32],
  ] as const) {
    const settings = settingsOf(folder, {
      store: join(folder, "store"),
      model: folder,
      threads: 1,
      quiet: true,
      parallel,
    });
    const workspace = quietWorkspace(settings, new AbortController().signal);
    await workspace.generator();
    assert.equal((await workspace.engineStatus())?.maxSequences, places);
    await workspace.close();
  }
});
