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

/** Of the tables of positions, then of the weights. */
const manifestsIn = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .sort()
    .map((name) => join(folder, name));

const model = modelSource(join(goldenFolder, "models", "llama-tied"), "llama-tied");

// A folder that may only be read has no room for a lock; one that another process holds cannot be had either.
test("a layout that is complete is opened without its locks", {
  timeout: 60_000,
}, async (context) => {
  const options = { folder: temporaryFolder(context), format: "float32", positions: 64 } as const;
  const { trainableNames } = await openWeightLayout(model, options);
  const [rotary, weights] = manifestsIn(options.folder);
  await withFileLock(weights!, { waitMs: 0 }, () =>
    withFileLock(rotary!, { waitMs: 0 }, async () => {
      const again = await openWeightLayout(model, options);
      assert.deepEqual(again.trainableNames, trainableNames);
    }),
  );
});

test("another context length has its own tables of positions, and the same weights", async (context) => {
  const folder = temporaryFolder(context);
  const short = await openWeightLayout(model, { folder, format: "float32", positions: 64 });
  const long = await openWeightLayout(model, { folder, format: "float32", positions: 128 });
  assert.equal(manifestsIn(folder).length, 3);
  assert.deepEqual(long.trainableNames, short.trainableNames);
  for (const [layout, rows] of [
    [short, 64],
    [long, 128],
  ] as const) {
    const cosines = await layout.read("rotary.cosines", folder);
    assert.deepEqual(layout.shapeOf("rotary.cosines"), [rows, cosines.length / rows]);
    assert.equal(cosines[0], 1);
  }
});

test("an abort between two weights leaves nothing of a layout, and the next opening writes it whole", async (context) => {
  const options = { folder: temporaryFolder(context), format: "float32", positions: 64 } as const;
  const signal = abortedWhenAsked(6);
  await assert.rejects(openWeightLayout(model, { ...options, signal }), { name: "AbortError" });
  assert.deepEqual(readdirSync(options.folder), []);
  const { trainableNames } = await openWeightLayout(model, options);
  assert.ok(trainableNames.length > 6);
  assert.equal(manifestsIn(options.folder).length, 2);
});
