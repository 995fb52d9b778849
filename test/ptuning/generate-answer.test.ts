import assert from "node:assert/strict";
import { test } from "node:test";
import { ANSWERS_AT_ONCE, answerTogether } from "../../ptuning/index.ts";

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

test("answers come in the order of their questions, a few at a time", async () => {
  let running = 0;
  let most = 0;
  const answers = await answerTogether([...new Array(20).keys()], async (item) => {
    most = Math.max(most, ++running);
    for (let turns = item % 3; turns >= 0; turns--) await turn();
    running--;
    return item * 2;
  });
  assert.deepEqual(
    answers,
    [...new Array(20).keys()].map((item) => item * 2),
  );
  assert.equal(most, ANSWERS_AT_ONCE);
});

test("after a failure no further answer is begun", async () => {
  const begun: number[] = [];
  const failing = answerTogether([...new Array(100).keys()], async (item) => {
    begun.push(item);
    await turn();
    if (item === 3) throw new Error("the fourth failed");
    return item;
  });
  await assert.rejects(failing, /the fourth failed/);
  for (let turns = 0; turns < 5; turns++) await turn();
  assert.ok(begun.length <= 2 * ANSWERS_AT_ONCE, `${begun.length} were begun`);
});

test("no question gives no answer", async () => {
  assert.deepEqual(await answerTogether([], async () => assert.fail()), []);
});
