import assert from "node:assert/strict";
import { test } from "node:test";
import { cutBatch, type PreparedExample } from "../../generator/training-batch.ts";

const prepared = (tail: number, past = 0): PreparedExample => ({
  example: { prefixIds: [], ids: new Array<number>(tail - 1).fill(1), answerIds: [2, 3] },
  passage: { blocks: [], count: past },
});
const lengths = (pieces: readonly (readonly PreparedExample[])[]) =>
  pieces.map((piece) => piece.map(({ example }) => example.ids.length + 1));

test("a batch that fits runs as one piece", () => {
  assert.deepEqual(
    lengths(
      cutBatch(
        [30, 40, 35].map((tail) => prepared(tail)),
        { maxTokens: 256, virtualCount: 0 },
      ),
    ),
    [[30, 35, 40]],
  );
});

test("examples of similar length come together, in pieces of about the same size", () => {
  const batch = [84, 10, 80, 12, 82, 11].map((tail) => prepared(tail));
  assert.deepEqual(lengths(cutBatch(batch, { maxTokens: 256, virtualCount: 0 })), [
    [10, 11, 12],
    [80, 82, 84],
  ]);
});

test("no piece has more tokens than allowed, padding counted, unless one example alone has", () => {
  const batch = [10, 700, 100, 90, 20, 110].map((tail) => prepared(tail));
  const pieces = lengths(cutBatch(batch, { maxTokens: 256, virtualCount: 0 }));
  for (const piece of pieces) {
    assert.ok(piece.length === 1 || piece.length * Math.max(...piece) <= 256, piece.join());
  }
  assert.deepEqual(
    pieces.flat().sort((a, b) => a - b),
    [10, 20, 90, 100, 110, 700],
  );
});

test("virtual tokens count: they run through the layers with every example", () => {
  const batch = new Array(8).fill(prepared(40));
  const sizes = { maxTokens: 256, virtualCount: 88 };
  assert.deepEqual(lengths(cutBatch(batch, sizes)), new Array(4).fill([40, 40]));
});

test("equal tails are ordered by their passages", () => {
  const batch = [5, 500, 6, 501].map((past) => prepared(10, past));
  const sizes = { maxTokens: 20, virtualCount: 0 };
  const pieces = cutBatch(batch, sizes).map((piece) => piece.map(({ passage }) => passage.count));
  assert.deepEqual(pieces, [
    [5, 6],
    [500, 501],
  ]);
});
