import assert from "node:assert/strict";
import { test } from "node:test";
import { isAdaptation } from "../../generator/index.ts";
import { fullPrompt } from "../../ptuning/methods/full/model.ts";
import { loraPrompt } from "../../ptuning/methods/lora/model.ts";
import type { TrainedPrompt } from "../../ptuning/methods/method.ts";

const tensors = new Map([
  ["a", { shape: [2], data: Float32Array.of(1, 2) }],
  ["b", { shape: [1], data: Float32Array.of(3) }],
]);
const optimizer = { learningRate: 0.1 };
const makers: readonly (readonly [name: string, make: () => Promise<TrainedPrompt>])[] = [
  ["lora", () => loraPrompt({ shape: { rank: 1, scale: 1, modules: [] }, tensors, optimizer })],
  ["full", async () => fullPrompt(tensors, optimizer)],
];

function versionOf(prompt: TrainedPrompt): string {
  const conditioning = prompt.conditioning();
  assert.ok(isAdaptation(conditioning));
  return conditioning.identity.version;
}

for (const [name, make] of makers) {
  test(`${name}: what is asked twice has one identity, and another after a step or a load`, async () => {
    const prompt = await make();
    const other = await make();
    const first = versionOf(prompt);
    assert.equal(versionOf(prompt), first);
    prompt.step([Float32Array.of(1, -1), Float32Array.of(1)]);
    const second = versionOf(prompt);
    assert.equal(versionOf(prompt), second);
    prompt.trainable.load(tensors);
    const versions = [first, second, versionOf(prompt), versionOf(other)];
    assert.equal(new Set(versions).size, 4, versions.join());
    prompt.trainable.dispose();
    other.trainable.dispose();
  });
}
