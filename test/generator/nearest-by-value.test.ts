import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Engine, nearestByValue } from "../../generator/index.ts";
import { modelSource } from "../parity/golden-model.ts";
import { temporaryFolder } from "../runtime/temporary-folder.ts";
import { goldenFolder } from "../runtime/weight-fixtures.ts";

const source = (family: string) => modelSource(join(goldenFolder, "models", family), family);

/** The first layer's values of a text, as an engine computes them. */
async function valuesOf(context: TestContext, family: string, ids: readonly number[]) {
  const options = { cacheFolder: temporaryFolder(context), weights: "float32" as const };
  const engine = await Engine.open(source(family), { ...options, contextLength: 64, threads: 1 });
  try {
    return (await engine.deepTokens(ids)).values[0]!;
  } finally {
    await engine.close();
  }
}

for (const family of ["llama-tied", "llama3-scaled-rope", "mistral", "qwen2", "qwen3"]) {
  test(`${family}: the values of a text at the first layer are nearest to its own tokens, with cosine 1`, async (context) => {
    const ids = [7, 40, 99, 7, 12];
    const near = await nearestByValue(source(family), await valuesOf(context, family, ids), 2);
    assert.deepEqual(
      near!.map(([first]) => first!.id),
      ids,
    );
    for (const [first, second] of near!) {
      assert.ok(Math.abs(first!.cosine - 1) < 1e-5, `cosine ${first!.cosine}`);
      assert.ok(second!.cosine < 0.999);
    }
  });
}

test("gpt2: values depend on the place, so there are no nearest tokens", async (context) => {
  const ids = [7, 7];
  const values = await valuesOf(context, "gpt2", ids);
  const { headDimension } = source("gpt2").config;
  // The same token at two places.
  const [first, second] = [
    values.slice(0, headDimension),
    values.slice(headDimension, 2 * headDimension),
  ];
  assert.notDeepEqual(first, second);
  assert.equal(await nearestByValue(source("gpt2"), values, 1), undefined);
});
