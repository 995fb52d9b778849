import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  createTensorParameters,
  type OptimizerSettings,
  type TensorData,
  type TensorParameters,
} from "../../ptuning/index.ts";

/** Ten steps of torch.optim.AdamW with clip_grad_norm_; see record-adamw.py beside the file. */
interface Recorded {
  readonly settings: Omit<OptimizerSettings, "learningRate">;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly initial: Readonly<Record<string, readonly number[]>>;
  readonly steps: readonly {
    readonly learningRate: number;
    readonly gradients: Readonly<Record<string, readonly number[]>>;
    readonly gradientNorm: number;
    readonly after: Readonly<Record<string, readonly number[]>>;
  }[];
}
const recorded: Recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, "../fixtures/optimizer/adamw.json"), "utf8"),
);

const create = () =>
  createTensorParameters({
    tensors: new Map(
      Object.entries(recorded.shapes).map(([name, shape]): [string, TensorData] => [
        name,
        { shape, data: Float32Array.from(recorded.initial[name]!) },
      ]),
    ),
    optimizer: { learningRate: 1, ...recorded.settings },
  });
const toGradients = (step: Recorded["steps"][number]) =>
  new Map(
    Object.entries(step.gradients).map(([name, values]) => [name, Float32Array.from(values)]),
  );
const run = (parameters: TensorParameters, from: number, to: number) =>
  recorded.steps
    .slice(from, to)
    .map((step) => parameters.step(toGradients(step), { learningRate: step.learningRate }));

function assertClose(actual: Float32Array, expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  for (const [i, value] of actual.entries()) {
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `[${i}] ${value} ≠ ${expected[i]}`);
  }
}

test("ten AdamW steps with clipping, decay and a schedule equal PyTorch's to 2e-6", async () => {
  const parameters = await create();
  for (const [index, step] of recorded.steps.entries()) {
    const [{ gradientNorm } = { gradientNorm: Number.NaN }] = run(parameters, index, index + 1);
    assertClose(Float32Array.of(gradientNorm), [step.gradientNorm], 1e-5);
    for (const [name, { data }] of parameters.forward()) {
      assertClose(data, step.after[name]!, 2e-6);
    }
  }
  parameters.dispose();
});

test("a run resumed from saved state equals the unbroken run bit for bit", async () => {
  const unbroken = await create();
  run(unbroken, 0, 10);
  const first = await create();
  run(first, 0, 4);
  const second = await create();
  second.load(first.save());
  await second.restore(await first.optimizerState());
  run(second, 4, 10);
  assert.deepEqual(second.save(), unbroken.save());
  assert.deepEqual(await second.optimizerState(), await unbroken.optimizerState());
  for (const parameters of [unbroken, first, second]) parameters.dispose();
});

test("optimizer state saved before the first step can be restored", async () => {
  const [fresh, restored] = [await create(), await create()];
  await restored.restore(await fresh.optimizerState());
  run(fresh, 0, 1);
  run(restored, 0, 1);
  assert.deepEqual(restored.save(), fresh.save());
  for (const parameters of [fresh, restored]) parameters.dispose();
});

test("a gradient with NaN is refused and changes nothing", async () => {
  const parameters = await create();
  const before = parameters.save();
  const gradients = toGradients(recorded.steps[0]!);
  gradients.get("bias")![2] = Number.NaN;
  assert.throws(() => parameters.step(gradients), { code: "train/diverged", message: /step 1/ });
  assert.deepEqual(parameters.save(), before);
  parameters.dispose();
});

test("a saved tensor of another shape is refused by name and changes nothing", async () => {
  const parameters = await create();
  const saved = new Map(parameters.save());
  saved.set("weight", { shape: [3, 4], data: new Float32Array(12) });
  saved.set("bias", { shape: [4], data: new Float32Array(4) });
  const before = parameters.save();
  assert.throws(() => parameters.load(saved), { code: "prompt/invalid", message: /"bias".*\[5\]/ });
  assert.deepEqual(parameters.save(), before);
  await assert.rejects(parameters.restore(new Map()), {
    code: "prompt/invalid",
    message: /"step"/,
  });
  parameters.dispose();
});
