import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkQueue } from "../../pipeline/server/work-queue.ts";

const never = new AbortController().signal;

/** Lets everything that is ready happen. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

test("clients take turns: many requests of one do not keep out the one of another", async () => {
  const queue = new WorkQueue({ active: 1, maxWaiting: 10 });
  const order: string[] = [];
  const first = await queue.enter(never, "busy");
  const later = ["busy 1", "busy 2", "busy 3", "other 1"].map(async (name) => {
    const turn = await queue.enter(never, name.split(" ")[0]);
    order.push(name);
    await settle();
    turn.leave();
  });
  await settle();
  first.leave();
  await Promise.all(later);
  assert.deepEqual(order, ["busy 1", "other 1", "busy 2", "busy 3"]);
  assert.equal(queue.running + queue.waiting, 0);
});

test("requests beyond the waiting room are refused at once, and one client beyond its share", async () => {
  const queue = new WorkQueue({ active: 1, maxWaiting: 2, perClient: 2 });
  const running = await queue.enter(never, "a");
  const waiting = queue.enter(never, "a");
  await assert.rejects(queue.enter(never, "a"), { code: "server/busy", message: /this client/ });
  const other = queue.enter(never, "b");
  await assert.rejects(queue.enter(never, "c"), { code: "server/busy", message: /2 are waiting/ });
  assert.ok(queue.retryAfterSeconds >= 1);
  running.leave();
  (await waiting).leave();
  (await other).leave();
  (await queue.enter(never, "a")).leave();
});

test("who gives up while waiting frees the place, and leaving twice counts once", async () => {
  const queue = new WorkQueue({ active: 1, maxWaiting: 1 });
  const running = await queue.enter(never);
  const leaving = new AbortController();
  const waiting = queue.enter(leaving.signal);
  leaving.abort(new Error("gone"));
  await assert.rejects(waiting, /gone/);
  assert.equal(queue.waiting, 0);
  const next = queue.enter(never);
  running.leave();
  running.leave();
  (await next).leave();
  assert.equal(queue.running, 0);
});
