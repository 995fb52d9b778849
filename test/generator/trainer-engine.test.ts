import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type {
  Conditioning,
  LossAndGradient,
  TrainerEngine,
  TrainingExample,
} from "../../generator/index.ts";
import { largestDifference } from "../parity/check.ts";
import { abortedWhenAsked } from "./asked-signal.ts";
import { openTinyEngine, someIds, type TinyEngine } from "./tiny-engine.ts";

const example = (seed: number, passage = 15, question = 5, answer = 3): TrainingExample => ({
  prefixIds: someIds(passage, seed),
  ids: someIds(question, seed + 10),
  answerIds: someIds(answer, seed + 20),
});
/** Entries of each gradient that are compared with differences; the tensors are alike everywhere. */
const PROBES = [0, 7, 23];

describe("loss and gradient on the tiny golden model", () => {
  let tiny: TinyEngine;
  let virtual: TrainerEngine;
  let deep: TrainerEngine;
  let rows: Conditioning & { kind: "virtual" };
  let tokens: Conditioning & { kind: "deep" };
  before(async () => {
    tiny = await openTinyEngine();
    virtual = await tiny.trainer({ kind: "virtual" });
    deep = await tiny.trainer({ kind: "deep" });
    rows = { kind: "virtual", count: 4, rows: tiny.engine.embeddings(someIds(4, 40)) };
    tokens = await tiny.engine.deepTokens(someIds(4, 41));
  });
  after(() => tiny.close());

  test("the gradient of virtual tokens between passages and question matches differences", async () => {
    const batch = [example(1), example(2, 9, 7, 2)];
    const { gradients } = await virtual.lossAndGradient(batch, rows);
    const lossOf = async () => (await virtual.lossAndGradient(batch, rows)).loss;
    await assertMatches(rows.rows, gradients[0]!, lossOf);
  });

  test("the gradient of deep tokens matches differences: keys through their rotation, values, any layer", async () => {
    const batch = [example(3), example(4, 22, 3, 4)];
    const { gradients } = await deep.lossAndGradient(batch, tokens);
    const lossOf = async () => (await deep.lossAndGradient(batch, tokens)).loss;
    for (const layer of [0, 2]) {
      await assertMatches(tokens.keys[layer]!, gradients[2 * layer]!, lossOf);
      await assertMatches(tokens.values[layer]!, gradients[2 * layer + 1]!, lossOf);
    }
  });

  test("a batch of different lengths is the mean of its examples: padding changes nothing", async () => {
    const batch = [example(5, 30, 4, 2), example(6, 3, 9, 5), example(7, 12, 1, 1)];
    for (const [trainer, conditioning] of [
      [virtual, rows],
      [deep, tokens],
    ] as const) {
      const together = await trainer.lossAndGradient(batch, conditioning);
      const alone: LossAndGradient[] = [];
      for (const one of batch) alone.push(await trainer.lossAndGradient([one], conditioning));
      const mean = alone.reduce((sum, { loss }) => sum + loss / 3, 0);
      assert.ok(Math.abs(together.loss - mean) < 1e-5);
      for (const [index, gradient] of together.gradients.entries()) {
        const expected = gradient.map((_, i) =>
          alone.reduce((sum, { gradients }) => sum + gradients[index]![i]! / 3, 0),
        );
        assert.ok(largestDifference(gradient, expected) < 1e-5);
      }
    }
  });

  test("an example as long as the context learns beside one with a longer tail", async () => {
    const context = tiny.options.contextLength!;
    for (const [trainer, conditioning] of [
      [virtual, rows],
      [deep, tokens],
    ] as const) {
      const full = example(8, context - conditioning.count - 6 - 3, 6, 4);
      const longer = example(9, 16, 40, 8);
      const { loss } = await trainer.lossAndGradient([full, longer], conditioning);
      const first = await trainer.lossAndGradient([full], conditioning);
      const second = await trainer.lossAndGradient([longer], conditioning);
      assert.ok(Math.abs(loss - (first.loss + second.loss) / 2) < 1e-5);
    }
  });

  test("the loss is the mean of −log p of the answer, as the scores give it", async () => {
    const one = example(8);
    const { loss } = await virtual.lossAndGradient([one], rows);
    const scores = await tiny.engine.logits([...one.ids, ...one.answerIds], {
      prefixIds: one.prefixIds,
      conditioning: rows,
    });
    const perToken = one.answerIds.map((id, i) => {
      const row = rows.count + one.ids.length - 1 + i;
      const own = scores.subarray(row * 160, (row + 1) * 160);
      return Math.log(own.reduce((sum, score) => sum + Math.exp(score), 0)) - own[id]!;
    });
    const expected = perToken.reduce((sum, value) => sum + value, 0) / perToken.length;
    assert.ok(Math.abs(loss - expected) < 1e-5);
  });

  test("examples without passages train too", async () => {
    const { loss, gradients } = await virtual.lossAndGradient([example(9, 0)], rows);
    assert.ok(Number.isFinite(loss));
    assert.ok(gradients[0]!.some((value) => value !== 0));
  });

  test("a long text read block by block gives the loss of the whole, and its gradient", async () => {
    // With the virtual tokens 128 tokens, the fewest that are read in blocks.
    const one = { prefixIds: [], ids: someIds(122, 50), answerIds: someIds(3, 51) };
    const { loss, gradients } = await virtual.lossAndGradient([one], rows);
    const scores = await tiny.engine.logits([...one.ids, ...one.answerIds.slice(0, -1)], {
      conditioning: rows,
    });
    assert.equal(scores.length, 128 * 160);
    const losses = one.answerIds.map((id, i) => {
      const at = rows.count + one.ids.length - 1 + i;
      const own = scores.subarray(at * 160, (at + 1) * 160);
      return Math.log(own.reduce((sum, score) => sum + Math.exp(score), 0)) - own[id]!;
    });
    const expected = losses.reduce((sum, value) => sum + value, 0) / losses.length;
    assert.ok(Math.abs(loss - expected) < 1e-5, `${loss}, by the scores ${expected}`);
    const lossOf = async () => (await virtual.lossAndGradient([one], rows)).loss;
    await assertMatches(rows.rows, gradients[0]!, lossOf);
  });

  test("an abort is seen between passages and between pieces, and the next batch is as if nothing had been", async () => {
    const batch = [60, 61, 62].map((seed) => example(seed, 9, 70, 20));
    const fresh = await tiny.trainer({ kind: "virtual" });
    const whole = await virtual.lossAndGradient(batch, rows);
    // At the second passage; then, with one of three passages known, at the second piece.
    for (const count of [2, 4]) {
      const aborted = fresh.lossAndGradient(batch, rows, abortedWhenAsked(count));
      await assert.rejects(aborted, { name: "AbortError" });
    }
    const after = await fresh.lossAndGradient(batch, rows);
    assert.equal(after.loss, whole.loss);
    assert.deepEqual(after.gradients, whole.gradients);
  });

  test("an example longer than the context is refused with both numbers", async () => {
    const long = example(11, 120, 6, 2);
    await assert.rejects(virtual.lossAndGradient([example(12), long], rows), {
      code: "context/overflow",
      message: /131 tokens.*128/,
    });
  });

  test("keys and values of passages are kept up to the limit", async () => {
    const before = virtual.cachedBytes;
    await virtual.lossAndGradient([example(10, 17)], rows);
    assert.equal(virtual.cachedBytes - before, 3 * 2 * 2 * 17 * 8 * 4);
    await virtual.lossAndGradient([example(10, 17)], rows);
    assert.equal(virtual.cachedBytes - before, 3 * 2 * 2 * 17 * 8 * 4);
  });
});

/** Central differences of a few entries, relative to the largest entry of the gradient. */
async function assertMatches(
  values: Float32Array,
  gradient: Float32Array,
  lossOf: () => Promise<number>,
): Promise<void> {
  const step = 2e-2;
  const scale = Math.max(...gradient.map(Math.abs));
  const largest = gradient.findIndex((value) => Math.abs(value) === scale);
  for (const i of [...PROBES, largest]) {
    const before = values[i]!;
    values[i] = before + step;
    const up = await lossOf();
    values[i] = before - step;
    const down = await lossOf();
    values[i] = before;
    const expected = (up - down) / (2 * step);
    assert.ok(
      Math.abs(expected - gradient[i]!) < 2e-2 * scale + 2e-5,
      `entry ${i}: ${gradient[i]}, by differences ${expected}`,
    );
  }
}
