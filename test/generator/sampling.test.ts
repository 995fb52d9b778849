import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import { logProbability, sampleToken } from "../../generator/sampling.ts";

const logits = Float32Array.of(Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05));

function shares(sampling: { temperature: number; topP: number }): number[] {
  const random = new Random(5);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) {
    counts[sampleToken(logits, { ...sampling, seed: 0 }, random)]! += 1 / 20_000;
  }
  return counts;
}

test("tokens come as often as their probability says", () => {
  const found = shares({ temperature: 1, topP: 1 });
  for (const [token, expected] of [0.5, 0.3, 0.15, 0.05].entries()) {
    assert.ok(Math.abs(found[token]! - expected) < 0.015, `${token}: ${found[token]}`);
  }
});

test("the nucleus keeps the fewest tokens that reach topP, in their own proportion", () => {
  const found = shares({ temperature: 1, topP: 0.75 });
  assert.deepEqual(found.slice(2), [0, 0]);
  assert.ok(Math.abs(found[0]! - 0.625) < 0.015);
});

test("a nucleus smaller than any token keeps the likeliest", () => {
  assert.deepEqual(shares({ temperature: 1, topP: 0.01 }).slice(1), [0, 0, 0]);
});

test("a low temperature sharpens, a high one flattens", () => {
  assert.ok(shares({ temperature: 0.25, topP: 1 })[0]! > 0.85);
  assert.ok(shares({ temperature: 4, topP: 1 })[3]! > 0.15);
});

test("log probabilities sum to one", () => {
  const total = [0, 1, 2, 3].reduce(
    (sum, token) => sum + Math.exp(logProbability(logits, token)),
    0,
  );
  assert.ok(Math.abs(total - 1) < 1e-6);
  assert.ok(Math.abs(logProbability(logits, 1) - Math.log(0.3)) < 1e-6);
});
