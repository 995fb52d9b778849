import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { withFileLock } from "../../core/index.ts";
import { openWeightLayout } from "../../generator/weight-layout.ts";
import { modelSource } from "../parity/golden-model.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { goldenFolder } from "../runtime/weight-fixtures.ts";
import { abortedWhenAsked } from "./asked-signal.ts";

const model = modelSource(join(goldenFolder, "models", "llama-tied"), "llama-tied");

// A folder that may only be read has no room for a lock; one that another process holds cannot be had either.
test("a layout that is complete is opened without its lock", {
  timeout: 60_000,
}, async (context) => {
  const options = { folder: temporaryFolder(context), format: "float32", positions: 64 } as const;
  const { file, trainableNames } = await openWeightLayout(model, options);
  const manifest = join(options.folder, file.replace(/bin$/, "json"));
  await withFileLock(manifest, { waitMs: 0 }, async () => {
    const again = await openWeightLayout(model, options);
    assert.deepEqual(again.trainableNames, trainableNames);
  });
});

test("an abort between two weights leaves nothing of a layout, and the next opening writes it whole", async (context) => {
  const options = { folder: temporaryFolder(context), format: "float32", positions: 64 } as const;
  const signal = abortedWhenAsked(6);
  await assert.rejects(openWeightLayout(model, { ...options, signal }), { name: "AbortError" });
  assert.deepEqual(readdirSync(options.folder), []);
  const { file, trainableNames } = await openWeightLayout(model, options);
  assert.ok(trainableNames.length > 6);
  assert.ok(readdirSync(options.folder).includes(file));
});
