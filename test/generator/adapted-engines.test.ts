import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { AdaptedEngines } from "../../generator/adapted-engines.ts";
import type { Adaptation, Engine } from "../../generator/index.ts";
import { modelSource } from "../parity/golden-model.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { goldenFolder } from "../runtime/weight-fixtures.ts";

const model = modelSource(join(goldenFolder, "models", "llama-tied"), "llama-tied");
/** All weights from a file, as a version of one learned prompt. */
const weightsOf = (version: string, path: string): Adaptation => ({
  kind: "full",
  count: 0,
  identity: { slot: "prompt", version },
  weights: { path },
});

test("a version that cannot be opened leaves the one that took its place meanwhile", async (context) => {
  const cacheFolder = temporaryFolder(context);
  const engines = new AdaptedEngines(model, { cacheFolder, contextLength: 64, threads: 1 });
  const used: Engine[] = [];
  const use = async (engine: Engine) => void used.push(engine);
  const whole = weightsOf("2".repeat(64), model.weightsPath);
  const damaged = weightsOf("1".repeat(64), join(cacheFolder, "gone.safetensors"));
  const [first, second] = await Promise.allSettled([
    engines.with(damaged, use),
    engines.with(whole, use),
  ]);
  assert.deepEqual([first.status, second.status], ["rejected", "fulfilled"]);
  await engines.with(whole, use);
  assert.equal(used.length, 2);
  assert.equal(used[0], used[1], "it is the same engine still");
  await engines.close();
});
