import assert from "node:assert/strict";
import { test } from "node:test";
import { mapInSteps } from "../../core/index.ts";

/** Keeps the thread busy. */
const work = (number: number): number => {
  const until = performance.now() + 25;
  while (performance.now() < until);
  return 2 * number;
};

test("results come in order, and other work goes on in between", async () => {
  let turns = 0;
  const ticking = setInterval(() => void turns++, 1);
  assert.deepEqual(await mapInSteps([1, 2, 3, 4], work), [2, 4, 6, 8]);
  clearInterval(ticking);
  assert.ok(turns >= 2, `${turns} turns`);
  assert.deepEqual(await mapInSteps([], work), []);
});

test("a signal stops it between two steps", async () => {
  const stopped = new AbortController();
  let worked = 0;
  const mapping = mapInSteps(
    [1, 2, 3, 4],
    (number) => {
      worked++;
      stopped.abort(new Error("enough"));
      return work(number);
    },
    stopped.signal,
  );
  await assert.rejects(mapping, /enough/);
  assert.equal(worked, 1);
});
