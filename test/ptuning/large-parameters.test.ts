import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import {
  createLargeParameters,
  createTensorParameters,
  type TensorData,
} from "../../ptuning/index.ts";

const random = new Random(4);
const draw = (length: number) => Float32Array.from({ length }, () => random.normal());
const tensors = new Map<string, TensorData>([
  ["a", { shape: [3, 4], data: draw(12) }],
  ["b", { shape: [5], data: draw(5) }],
]);
const settings = { tensors, optimizer: { learningRate: 0.02, weightDecay: 0.1 } };
const gradients = Array.from(
  { length: 10 },
  () =>
    new Map([
      ["a", draw(12)],
      ["b", draw(5)],
    ] as const),
);

test("ten clipped, decayed steps equal those of the TensorFlow.js optimizer to 1e-6", async () => {
  const large = createLargeParameters(settings);
  const small = await createTensorParameters(settings);
  for (const [index, gradient] of gradients.entries()) {
    const learningRate = 0.02 / (index + 1);
    const reports = [large, small].map((one) => one.step(gradient, { learningRate }));
    assert.ok(Math.abs(reports[0]!.gradientNorm - reports[1]!.gradientNorm) < 1e-5);
  }
  for (const [name, { data }] of large.forward()) {
    const expected = small.forward().get(name)!.data;
    for (const [i, value] of data.entries()) assert.ok(Math.abs(value - expected[i]!) < 1e-6);
  }
  small.dispose();
});

test("a run resumed from saved state equals the unbroken run bit for bit", async () => {
  const [whole, first, second] = [0, 1, 2].map(() => createLargeParameters(settings));
  for (const gradient of gradients) whole!.step(gradient);
  for (const gradient of gradients.slice(0, 4)) first!.step(gradient);
  second!.load(first!.save());
  await second!.restore(await first!.optimizerState());
  for (const gradient of gradients.slice(4)) second!.step(gradient);
  assert.deepEqual(second!.save(), whole!.save());
});

test("what training starts from is not changed, and NaN changes nothing", () => {
  const before = structuredClone(tensors);
  const large = createLargeParameters(settings);
  large.step(gradients[0]!);
  assert.deepEqual(tensors, before);
  const saved = structuredClone(large.save());
  const wrong = new Map(gradients[1]!).set("b", draw(5).fill(Number.NaN));
  assert.throws(() => large.step(wrong), { code: "train/diverged", message: /step 2/ });
  assert.deepEqual(large.save(), saved);
});
