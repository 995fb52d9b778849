import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  Engine,
  encodeChat,
  GREEDY,
  type Model,
  nearestByValue,
  readModel,
  readTrainableWeights,
  saveModel,
  splitAtBlock,
} from "../../generator/index.ts";
import { defaultModel } from "../default-model.ts";
import { relativeDifference } from "../parity/check.ts";

/** The real model, its weights once as 4-bit blocks and once as f32. */
describe("SmolLM2-135M-Instruct from its Q4_1 file", () => {
  let model: Model;
  let cacheFolder = "";
  let ids: readonly number[] = [];
  let reference: Float32Array;
  before(async () => {
    model = readModel(await defaultModel("smollm2-135m-instruct"));
    cacheFolder = await mkdtemp(join(tmpdir(), "foreword-smollm2-"));
    const question = "Which river flows through Paris, and where does it end?";
    ids = encodeChat(model, [{ role: "user", parts: [question] }]).before;
    reference = await scores({ weights: "float32" });
  });
  after(() => rm(cacheFolder, { recursive: true, force: true }));

  async function scores(how: { weights?: "float32" | "packed"; exact?: boolean }) {
    const engine = await Engine.open(model, { cacheFolder, contextLength: 512, ...how });
    try {
      return await engine.logits(ids);
    } finally {
      await engine.close();
    }
  }

  test("blocks served as they are in the file compute what their f32 values compute", async () => {
    const packed = await scores({ weights: "packed", exact: true });
    assert.equal(packed.length, ids.length * 49_152);
    assert.ok(relativeDifference(packed, reference) < 1e-4);
  });

  test("activations rounded to 8 bits, the fast way, move no score by more than 6% of the largest", async () => {
    const packed = await scores({ weights: "packed" });
    const difference = relativeDifference(packed, reference);
    assert.ok(difference < 0.06, String(difference));
  });

  test("what was read before gives the same log probabilities to the last bit", async () => {
    const engine = await Engine.open(model, { cacheFolder, contextLength: 512 });
    const ask = async (text: readonly number[]) => {
      const tokens = engine.generate({
        ...splitAtBlock(text),
        maxTokens: 6,
        stopIds: [],
        sampling: GREEDY,
        logProbabilities: true,
      });
      const logProbabilities: (number | undefined)[] = [];
      let next = await tokens.next();
      for (; !next.done; next = await tokens.next())
        logProbabilities.push(next.value.logProbability);
      return { logProbabilities, cached: next.value.cachedTokens };
    };
    try {
      for (const [length, cached] of [
        [40, 0],
        [150, 128],
      ] as const) {
        const text = Array.from({ length }, (_, index) => ids[index % ids.length]! + length);
        const first = await ask(text);
        const second = await ask(text);
        assert.deepEqual([first.cached, second.cached], [0, cached]);
        assert.deepEqual(second.logProbabilities, first.logProbabilities);
      }
    } finally {
      await engine.close();
    }
  });

  test("of all 49,152 tokens those of a text are nearest to its values at the first layer", async () => {
    const engine = await Engine.open(model, { cacheFolder, contextLength: 512, exact: true });
    try {
      const text = model.tokenizer.encode(" According to the relevant passages, answer briefly.");
      const { values } = await engine.deepTokens(text);
      const near = (await nearestByValue(model, values[0]!, 1))!.map(([first]) => first!);
      assert.deepEqual(
        near.map(({ id }) => id),
        text,
      );
      assert.ok(near.every(({ cosine }) => cosine > 0.999));
    } finally {
      await engine.close();
    }
  });

  test("written as a safetensors folder and read again, the model gives the same scores and ids", async () => {
    const folder = join(cacheFolder, "exported");
    const options = { cacheFolder, contextLength: 512, weights: "float32" as const };
    await saveModel(model, await readTrainableWeights(model, options), folder);
    const weightsPath = join(folder, "model.safetensors");
    const fingerprint = "e".repeat(64);
    const exported = readModel({ name: "exported", folder, weightsPath, fingerprint });
    const { family: _, ...shape } = model.config;
    assert.deepEqual({ ...exported.config, family: undefined }, { ...shape, family: undefined });
    const text = "Où est la Seine? <|im_end|> 1234 元";
    assert.deepEqual(exported.tokenizer.encode(text), model.tokenizer.encode(text));
    const chat = encodeChat(exported, [{ role: "user", parts: ["Hi"] }]);
    assert.deepEqual(chat, encodeChat(model, [{ role: "user", parts: ["Hi"] }]));
    const engine = await Engine.open(exported, options);
    try {
      assert.deepEqual(await engine.logits(ids), reference);
    } finally {
      await engine.close();
    }
    // Rounded on request. Its values come from 4-bit blocks, so 4 bits hold them; 8 bits, from -127 to 127 steps, do not lie on that grid.
    for (const [weights, most] of [
      ["int8", 0.06],
      ["int4", 1e-4],
    ] as const) {
      const rounded = await Engine.open(exported, { ...options, weights, exact: true });
      const difference = relativeDifference(await rounded.logits(ids), reference);
      await rounded.close();
      assert.ok(difference > 0 && difference < most, `${weights}: ${difference}`);
    }
  });
});
