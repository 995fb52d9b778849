import assert from "node:assert/strict";
import { test } from "node:test";
import { RagError } from "../../core/index.ts";
import type { TrainedPrompt } from "../../ptuning/index.ts";
import type { Trainer } from "../../ptuning/training/batch-gradient.ts";
import { findLearningRate } from "../../ptuning/training/find-learning-rate.ts";

/** The rate of a step, from 0. */
const rateAt = (step: number) => 1e-6 * 1e6 ** (step / 39);

/** A prompt of one number, which steps as plain gradient descent does, and what its loss is. */
function descend(
  start: number,
  lossOf: (x: number, step: number) => { loss: number; slope: number },
  failure = new RagError("train/diverged", "a gradient is no number"),
) {
  let x = start;
  let step = 0;
  // Only what is used of them.
  const prompt = {
    conditioning: () => ({ kind: "virtual", count: 1, rows: Float32Array.of(x) }),
    step: ([gradient]: readonly Float32Array[], rate: number) => {
      if (!Number.isFinite(gradient![0])) throw failure;
      x -= rate * gradient![0]!;
    },
  } as unknown as TrainedPrompt;
  const trainer = {
    model: { config: { headDimension: 1 } },
    lossAndGradient: async () => {
      const { loss, slope } = lossOf(x, step++);
      return { loss, gradients: [Float32Array.of(slope)], passageSeconds: 0 };
    },
  } as unknown as Trainer;
  const example = { prefixIds: [], ids: [1], answerIds: [2] };
  return findLearningRate(prompt, trainer, { examples: [example], batch: 1, seed: 1 });
}
const scripted = (losses: readonly number[]) =>
  descend(0, (_, step) => ({ loss: losses[step]!, slope: 0 }));

test("of a loss that falls until it bursts, a quarter of the last good rate is taken", async () => {
  const falling = Array.from({ length: 31 }, (_, step) => 5 - step / 10);
  const { learningRate, curve } = await scripted([...falling, 1000]);
  assert.ok(Math.abs(learningRate / (rateAt(30) / 4) - 1) < 1e-12, String(learningRate));
  assert.equal(curve.length, 32);
  assert.deepEqual(curve[30], { learningRate: rateAt(30), loss: 2 });
});

test("one lucky batch does not decide, and a loss that is no number ends the test", async () => {
  const falling = Array.from({ length: 31 }, (_, step) => 5 - step / 10);
  const lucky = falling.with(3, 1);
  const { learningRate, curve } = await scripted([...lucky, Number.NaN]);
  assert.ok(Math.abs(learningRate / (rateAt(30) / 4) - 1) < 1e-12, String(learningRate));
  assert.equal(curve.length, 31);
});

test("on a parabola the rate lies below the one at which descent no longer converges", async () => {
  // Descent on a/2 · (x − c)² converges for rates below 2 / a; batches differ in c, as they do in training.
  for (const a of [20, 500, 20_000]) {
    const { learningRate } = await descend(3, (x, step) => {
      const distance = x - (step % 2 === 0 ? 0.5 : -0.5);
      return { loss: (a * distance * distance) / 2, slope: a * distance };
    });
    assert.ok(learningRate < 2 / a, `${learningRate} for ${a}`);
    assert.ok(learningRate > 0.2 / a, `${learningRate} for ${a}`);
  }
});

test("a loss that is no number from the start is refused", async () => {
  await assert.rejects(scripted([Number.NaN]), { code: "train/diverged", message: /at any rate/ });
});

test("a gradient that is no number ends the test as such a loss does", async () => {
  const { learningRate, curve } = await descend(0, (_, step) => ({
    loss: 5 - step / 10,
    slope: step < 30 ? 0 : Number.NaN,
  }));
  assert.ok(Math.abs(learningRate / (rateAt(30) / 4) - 1) < 1e-12, String(learningRate));
  assert.equal(curve.length, 31);
});

test("what goes wrong in a step otherwise is told", async () => {
  const lossOf = () => ({ loss: 5, slope: Number.NaN });
  await assert.rejects(descend(0, lossOf, new RagError("engine/failed", "gone")), /gone/);
});

test("a loss that never falls below the first one is refused: no rate is any good", async () => {
  const rising = Array.from({ length: 40 }, (_, step) => 5 + step / 10);
  for (const losses of [rising, rising.with(1, Number.NaN), Array(40).fill(5)]) {
    await assert.rejects(scripted(losses), {
      code: "train/diverged",
      message: /the loss falls at no rate from 0\.000001 to 1; .*--learning-rate/,
    });
  }
});
