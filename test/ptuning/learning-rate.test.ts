import assert from "node:assert/strict";
import { test } from "node:test";
import { parseTuneSettings } from "../../ptuning/index.ts";
import { scheduledRate } from "../../ptuning/training/learning-rate.ts";

test("the rate warms up and decays at the same time, and is not zero at the last step", () => {
  const settings = parseTuneSettings({ learningRate: 1, warmupSteps: 2 }, "test");
  const rates = [0, 1, 2, 3].map((step) => scheduledRate(settings, step, 4));
  assert.deepEqual(rates, [0.5, 0.75, 0.5, 0.25]);
});
