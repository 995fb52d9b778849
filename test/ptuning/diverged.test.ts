import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { hasPrompt, loadTraining, parseTuneSettings, tunePrompt } from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const BASE = { tokens: 2, epochs: 1, batch: 4 };

describe("a training whose loss explodes", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  const run = async (settings: object) => {
    const { generator, storeFolder } = tiny;
    const parsed = parseTuneSettings({ ...BASE, ...settings }, "test");
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    for await (const _ of tunePrompt(parsed, parts));
  };
  /** From the fourth step on the loss is 1000 times what it is. */
  const explode = (context: TestContext) => {
    const { generator } = tiny;
    const lossAndGradient = generator.lossAndGradient.bind(generator);
    let steps = 0;
    const exploding: typeof lossAndGradient = async (...given) => {
      const result = await lossAndGradient(...given);
      return ++steps < 4 ? result : { ...result, loss: 1000 * result.loss };
    };
    context.mock.method(generator, "lossAndGradient", exploding);
  };

  test("keeps its last checkpoint, which can be resumed, and names its step", async (context) => {
    explode(context);
    const settings = { name: "often", checkpointSteps: 2 };
    await assert.rejects(run(settings), {
      code: "train/diverged",
      message:
        /^step 4: the loss is .*; its checkpoint of step 2 is kept\. Try --learning-rate 0\.01\.$/,
    });
    const { saved, state } = await loadTraining(tiny.storeFolder, "often");
    assert.equal(saved.about.training.steps, 2);
    assert.equal((state!.progress as { step: number }).step, 2);
    context.mock.restoreAll();
    await run({ ...settings, resume: true });
  });

  test("claims no checkpoint where none was saved", async (context) => {
    explode(context);
    await assert.rejects(run({ name: "seldom", checkpointSteps: 50 }), {
      code: "train/diverged",
      message: /^step 4: .*; it had saved no checkpoint yet\. Try/,
    });
    assert.equal(hasPrompt(tiny.storeFolder, "seldom"), false);
  });
});
