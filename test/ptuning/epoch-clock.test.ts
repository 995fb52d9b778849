import assert from "node:assert/strict";
import { test } from "node:test";
import { EpochClock } from "../../ptuning/training/epoch-clock.ts";

test("what is left is told by the pace of learning, and of reading where passages are new", () => {
  let now = 5000;
  const clock = new EpochClock(() => now);
  now += 3000;
  clock.add(8, 2);
  now += 5000;
  clock.add(8, 4);
  assert.equal(clock.seconds, 8);
  assert.equal(clock.examplesPerSecond, 2);
  // Each took half a second, of which 3/8 went into its passages.
  assert.equal(clock.secondsFor({ fresh: 16, known: 32 }), 8 + 4);
});
