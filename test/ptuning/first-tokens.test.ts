import assert from "node:assert/strict";
import { test } from "node:test";
import type { Conditioning } from "../../generator/index.ts";
import { firstTokens, spreadGradients } from "../../ptuning/first-tokens.ts";
import { withFirstTokens } from "../../ptuning/index.ts";
import { countingArray, deepPrompt, tokenPrompt } from "./learned-prompts.ts";

const D = 8;
const rows = (values: readonly number[]) => Float32Array.from(values);

test("the first virtual tokens are the first rows", () => {
  const whole: Conditioning = { kind: "virtual", count: 3, rows: rows([1, 2, 3, 4, 5, 6]) };
  const first = firstTokens(whole, 2, D) as typeof whole;
  assert.deepEqual([first.count, [...first.rows]], [2, [1, 2, 3, 4]]);
  assert.equal(firstTokens(whole, 3, D), whole);
  assert.equal(firstTokens(whole, 9, D), whole);
});

test("of deep tokens the first rows of every head are taken, and gradients go back to their places", () => {
  // Two heads of three tokens of two numbers.
  const key = rows([1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60]);
  const whole: Conditioning = { kind: "deep", count: 3, keys: [key], values: [key] };
  const first = firstTokens(whole, 1, 2) as typeof whole;
  assert.deepEqual([...first.keys[0]!], [1, 2, 10, 20]);
  const [spread] = spreadGradients([rows([7, 8, 70, 80])], { count: 1, whole, headDimension: 2 });
  assert.deepEqual([...spread!], [7, 8, 0, 0, 0, 0, 70, 80, 0, 0, 0, 0]);
});

test("gradients of left-out virtual tokens are zero", () => {
  const whole: Conditioning = { kind: "virtual", count: 3, rows: countingArray(6) };
  const [spread] = spreadGradients([rows([5, 6])], { count: 1, whole, headDimension: D });
  assert.deepEqual([...spread!], [5, 6, 0, 0, 0, 0]);
});

test("a whole prompt is cut the same way", () => {
  const cut = withFirstTokens(tokenPrompt(), 2);
  assert.ok("virtualTokens" in cut.content);
  assert.equal(cut.content.virtualTokens.length, 2 * 48);
  assert.equal(cut.about.virtualTokens, 2);
  const deep = withFirstTokens(deepPrompt("p-tuning-v2"), 4);
  assert.ok("deep" in deep.content);
  assert.equal(deep.content.deep.keys[2]!.length, 2 * 4 * 8);
  assert.deepEqual(withFirstTokens(tokenPrompt(), 6), tokenPrompt());
});
