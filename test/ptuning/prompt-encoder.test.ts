import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import {
  createPromptEncoder,
  type EncoderKind,
  loadTensorFlow,
  type PromptEncoderOptions,
  type TensorData,
} from "../../ptuning/index.ts";
import { openSafetensors } from "../../runtime/index.ts";

const golden = join(import.meta.dirname, "../fixtures/golden/models/llama-tied");
const KINDS = ["embedding", "mlp", "lstm"] as const;

const small = (kind: EncoderKind): PromptEncoderOptions => ({
  kind,
  virtualTokens: 3,
  width: 5,
  hiddenSize: 4,
  initial: "random",
  seed: 7,
  optimizer: { learningRate: 0.01, maxGradientNorm: Number.POSITIVE_INFINITY },
});
const randomArray = (length: number, seed: number) => {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => random.normal());
};
const dot = (a: Float32Array, b: Float32Array) =>
  a.reduce((sum, value, i) => sum + value * b[i]!, 0);

function readAll(path: string): Map<string, TensorData> {
  const file = openSafetensors(path);
  try {
    const tensors = new Map<string, TensorData>();
    for (const { name, shape } of file.tensors.values()) {
      tensors.set(name, { shape, data: file.readF32(name) });
    }
    return tensors;
  } finally {
    file.close();
  }
}

for (const kind of ["mlp", "lstm"] as const) {
  test(`${kind}: with PEFT's trained parameters the output is the one PEFT saved, to 1e-6`, async () => {
    const folder = join(golden, `p-tuning-${kind}`);
    const config: { encoder_hidden_size: number } = JSON.parse(
      readFileSync(join(folder, "adapter_config.json"), "utf8"),
    );
    const saved = readAll(join(folder, "adapter_model.safetensors"));
    const { shape, data } = saved.get("prompt_embeddings")!;
    const encoder = await createPromptEncoder({
      ...small(kind),
      virtualTokens: shape[0]!,
      width: shape[1]!,
      hiddenSize: config.encoder_hidden_size,
    });
    const trained = readAll(join(folder, "final.safetensors"));
    assert.deepEqual(encoder.parameters.map(({ name }) => name).sort(), [...trained.keys()].sort());
    encoder.load(trained);
    const worst = encoder.forward().reduce((max, v, i) => Math.max(max, Math.abs(v - data[i]!)), 0);
    assert.ok(worst <= 1e-6, `largest difference ${worst}`);
    encoder.dispose();
  });
}

for (const kind of KINDS) {
  test(`${kind}: parameter gradients match central differences`, async () => {
    const encoder = await createPromptEncoder(small(kind));
    const dy = randomArray(15, 3);
    const start = encoder.save();
    encoder.step(dy, { learningRate: 0 });
    const state = await encoder.optimizerState();
    const lossAt = (name: string, direction: Float32Array, distance: number) => {
      const moved = new Map(start);
      const { shape, data } = start.get(name)!;
      moved.set(name, { shape, data: data.map((v, i) => v + distance * direction[i]!) });
      encoder.load(moved);
      return dot(encoder.forward(), dy);
    };
    for (const [index, { name, variable }] of encoder.parameters.entries()) {
      // The first moment after one step is (1 − beta1) times the gradient.
      const gradient = state.get(`first_moment.${name}`)!.data.map((value) => value / 0.1);
      const direction = randomArray(variable.size, 100 + index);
      const h = 2e-3;
      const numeric = (lossAt(name, direction, h) - lossAt(name, direction, -h)) / (2 * h);
      const analytic = dot(gradient, direction);
      assert.ok(
        Math.abs(numeric - analytic) <= 2e-3 + 1e-2 * Math.abs(analytic),
        `${name}: ${numeric} numerically, ${analytic} by tf.grads`,
      );
    }
    encoder.dispose();
  });

  test(`${kind}: started at a text it gives that text exactly, then moves`, async () => {
    const initial = randomArray(15, 5);
    const encoder = await createPromptEncoder({ ...small(kind), initial });
    assert.deepEqual(encoder.forward(), initial);
    encoder.step(randomArray(15, 6));
    assert.notDeepEqual(encoder.forward(), initial);
    encoder.dispose();
  });

  test(`${kind}: a saved encoder gives the same output and trains on identically`, async () => {
    const first = await createPromptEncoder({ ...small(kind), initial: randomArray(15, 5) });
    for (let i = 0; i < 3; i++) first.step(randomArray(15, i));
    const second = await createPromptEncoder({ ...small(kind), seed: 99 });
    second.load(first.save());
    await second.restore(await first.optimizerState());
    assert.deepEqual(second.forward(), first.forward());
    for (const encoder of [first, second]) encoder.step(randomArray(15, 9), { learningRate: 0.02 });
    assert.deepEqual(second.forward(), first.forward());
    for (const encoder of [first, second]) encoder.dispose();
  });

  test(`${kind}: steps along the gradient bring the output to a target`, async () => {
    const encoder = await createPromptEncoder(small(kind));
    const target = randomArray(15, 8);
    const distance = () => {
      const difference = encoder.forward().map((value, i) => value - target[i]!);
      return { difference, loss: dot(difference, difference) };
    };
    const before = distance().loss;
    for (let i = 0; i < 150; i++) encoder.step(distance().difference, { learningRate: 0.05 });
    assert.ok(distance().loss < before / 4, `${before} → ${distance().loss}`);
    encoder.dispose();
  });

  test(`${kind}: nothing stays in native memory after dispose`, async () => {
    const { tf } = await loadTensorFlow();
    const before = tf.memory().numTensors;
    const encoder = await createPromptEncoder({ ...small(kind), initial: randomArray(15, 5) });
    encoder.step(randomArray(15, 1));
    await encoder.restore(await encoder.optimizerState());
    encoder.step(randomArray(15, 2));
    encoder.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
}

test("the same seed gives the same start, another seed another", async () => {
  const encoders = await Promise.all(
    [7, 7, 8].map((seed) => createPromptEncoder({ ...small("mlp"), seed })),
  );
  const [a, b, c] = encoders.map((encoder) => encoder.forward());
  assert.deepEqual(a, b);
  assert.notDeepEqual(a, c);
  for (const encoder of encoders) encoder.dispose();
});

test("parameter counts equal PEFT's for the golden sizes", async () => {
  const sizes = { virtualTokens: 6, width: 48, hiddenSize: 40 };
  const expected = { embedding: 288, mlp: 5856, lstm: 78496 };
  for (const kind of KINDS) {
    const encoder = await createPromptEncoder({ ...small(kind), ...sizes });
    assert.equal(encoder.parameterCount, expected[kind]);
    encoder.dispose();
  }
});
