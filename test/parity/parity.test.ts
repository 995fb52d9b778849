import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { countDifferences, largestDifference, relativeDifference } from "./check.ts";
import { checkModels } from "./models.ts";

const folder = join(import.meta.dirname, "..", "fixtures", "golden");

test("every golden model gives PyTorch's logits, loss, gradients, greedy ids and PEFT's training curves", async () => {
  const { checks, uncovered } = await checkModels(folder);
  const found = new Set(checks.map(({ subject, check }) => `${subject}: ${check}`));
  const families = readdirSync(join(folder, "models"));
  assert.equal(families.length, 6);
  for (const name of [
    "logits",
    "cached logits",
    "base unchanged",
    "greedy ids",
    "batched ids",
    "loss",
    "input gradient",
    "between logits",
    "between loss",
    "between gradient",
    "prompt-tuning curve",
    "p-tuning-mlp curve",
    "p-tuning-lstm curve",
    "prefix-tuning curve",
    "prefix-tuning parameters",
    "lora curve",
    "lora parameters",
    "full curve",
  ]) {
    for (const family of families) assert.ok(found.has(`${family}: ${name}`), `${family}: ${name}`);
  }
  assert.deepEqual(
    checks.filter(({ difference, tolerance }) => !(difference <= tolerance)),
    [],
  );
  assert.deepEqual(uncovered, []);
});

test("a difference, a missing number and another length are all noticed", () => {
  assert.equal(largestDifference([1, 2], [1, 2.5]), 0.5);
  assert.equal(largestDifference([1, Number.NaN], [1, 2]), Number.POSITIVE_INFINITY);
  assert.equal(largestDifference([1], [1, 2]), Number.POSITIVE_INFINITY);
  assert.equal(relativeDifference([1, 3], [1, 4]), 0.25);
  assert.equal(countDifferences([1, 2, 3], [1, 5]), 2);
});
