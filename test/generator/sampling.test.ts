import assert from "node:assert/strict";
import { test } from "node:test";
import { Random } from "../../core/index.ts";
import {
  type Candidates,
  drawToken,
  logSumExpOf,
  type Sampling,
  TokenChooser,
} from "../../generator/sampling.ts";

const logits = Float32Array.of(Math.log(0.3), Math.log(0.5), Math.log(0.05), Math.log(0.15));
const sampling = (change: Partial<Sampling>): Sampling => ({
  temperature: 1,
  topP: 1,
  seed: 5,
  ...change,
});

/** How often each token is chosen when all logits are looked at. */
function shares(change: Partial<Sampling>): number[] {
  const random = new Random(5);
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) {
    const chooser = new TokenChooser(sampling({ ...change, seed: random.integer(2 ** 31) }));
    counts[chooser.choose({ best: 1, logits })!]! += 1 / 20_000;
  }
  return counts;
}

/** The `count` likeliest as a graph gives them. */
function candidates(scores: Float32Array, count: number, temperature: number): Candidates {
  const ids = [...scores.keys()].sort((a, b) => scores[b]! - scores[a]! || a - b).slice(0, count);
  return {
    ids,
    logits: ids.map((id) => scores[id]!),
    scaledLogSum: logSumExpOf(scores, temperature),
    isWhole: count >= scores.length,
  };
}

test("tokens come as often as their probability says", () => {
  const found = shares({});
  for (const [token, expected] of [0.3, 0.5, 0.05, 0.15].entries()) {
    assert.ok(Math.abs(found[token]! - expected) < 0.015, `${token}: ${found[token]}`);
  }
});

test("the nucleus keeps the fewest tokens that reach topP, in their own proportion", () => {
  const found = shares({ topP: 0.75 });
  assert.deepEqual(found.slice(2), [0, 0]);
  assert.ok(Math.abs(found[1]! - 0.625) < 0.015);
});

test("a nucleus smaller than any token keeps the likeliest", () => {
  assert.equal(shares({ topP: 0.01 })[1]!.toFixed(6), "1.000000");
});

test("topK keeps so many of the likeliest, and the nucleus is taken of those", () => {
  const found = shares({ topK: 2 });
  assert.deepEqual(found.slice(2), [0, 0]);
  assert.ok(Math.abs(found[1]! - 0.625) < 0.015);
  assert.equal(shares({ topK: 2, topP: 0.6 })[1]!.toFixed(6), "1.000000");
});

test("a low temperature sharpens, a high one flattens", () => {
  assert.ok(shares({ temperature: 0.25 })[1]! > 0.85);
  assert.ok(shares({ temperature: 4 })[2]! > 0.15);
});

test("penalties turn a greedy choice away from what was said", () => {
  const chooser = new TokenChooser(sampling({ temperature: 0, frequencyPenalty: 0.6 }));
  const said = [0, 1, 2].map(() => chooser.choose({ best: 1, logits }));
  assert.deepEqual(said, [1, 0, 1]);
});

test("a few candidates decide as all logits do, or say that they do not", () => {
  const random = new Random(3);
  const scores = Float32Array.from({ length: 300 }, () => random.normal() * 2);
  let undecided = 0;
  for (let i = 0; i < 3000; i++) {
    const how = sampling({
      temperature: 0.4 + random.next(),
      topP: random.next() < 0.3 ? 1 : 0.3 + 0.7 * random.next(),
      ...(random.next() < 0.3 ? { topK: 1 + random.integer(80) } : {}),
    });
    const draw = random.next();
    const few = drawToken(candidates(scores, 64, how.temperature), how, draw);
    const all = drawToken(candidates(scores, 300, how.temperature), how, draw);
    assert.notEqual(all, undefined);
    if (few === undefined) undecided++;
    else assert.equal(few, all, JSON.stringify({ how, draw }));
  }
  assert.ok(undecided > 0 && undecided < 1500, `${undecided} undecided`);
});

test("an undecided token keeps its draw for the second look", () => {
  const flat = new Float32Array(300);
  const [one, other] = [new TokenChooser(sampling({})), new TokenChooser(sampling({}))];
  const few = { best: 0, candidates: candidates(flat, 64, 1) };
  const chosen = [0, 1, 2, 3].map(() => one.choose(few) ?? one.choose({ best: 0, logits: flat }));
  assert.deepEqual(
    chosen,
    [0, 1, 2, 3].map(() => other.choose({ best: 0, logits: flat })),
  );
});
