import assert from "node:assert/strict";
import { test } from "node:test";
import { LastingWorker, workerModule } from "../../runtime/index.ts";

const open = () => LastingWorker.open(workerModule("mortal-worker", import.meta.url), undefined);

test("a worker that dies fails its calls and is replaced for the next ones", async () => {
  const worker = await open();
  try {
    const waiting = worker.call("wait", undefined);
    const failed = assert.rejects(waiting, {
      code: "engine/failed",
      message: /ended with code 7.*try it again/,
    });
    await assert.rejects(worker.call("die", undefined), { code: "engine/failed" });
    await failed;
    assert.equal(await worker.call("quick", undefined), "quick");
    assert.equal(worker.starts, 2);
    assert.equal(worker.isClosed, false);
  } finally {
    await worker.close();
  }
});

test("a worker may die more than once", async () => {
  const worker = await open();
  try {
    for (let i = 0; i < 3; i++) {
      await assert.rejects(worker.call("die", undefined), { code: "engine/failed" });
    }
    assert.equal(await worker.call("quick", undefined), "quick");
  } finally {
    await worker.close();
  }
});

test("a closed worker is not replaced", async () => {
  const worker = await open();
  await worker.close();
  await assert.rejects(worker.call("quick", undefined), { code: "engine/failed" });
  assert.equal(worker.isClosed, true);
});

test("a concurrent handler answers while another one works", async () => {
  const worker = await open();
  try {
    const order: unknown[] = [];
    const slow = worker.call("slow", 200).then((said) => order.push(said));
    await worker.call("quick", undefined).then((said) => order.push(said));
    await slow;
    assert.deepEqual(order, ["quick", "slow"]);
  } finally {
    await worker.close();
  }
});
