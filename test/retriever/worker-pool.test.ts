import assert from "node:assert/strict";
import { test } from "node:test";
import { shareThreads, WorkerPool } from "../../retriever/embedder/worker-pool.ts";
import type { LastingWorker } from "../../runtime/index.ts";

/** Workers that can only be told apart and closed. */
function fakeWorkers(size: number) {
  const opened: number[] = [];
  const closed: number[] = [];
  let failures = 0;
  const pool = new WorkerPool(size, async () => {
    if (failures-- > 0) throw new Error("no weights");
    const id = opened.length;
    opened.push(id);
    return { id, close: async () => void closed.push(id) } as unknown as LastingWorker;
  });
  return { pool, opened, closed, failNext: () => (failures = 1) };
}
const idOf = (worker: LastingWorker) => (worker as unknown as { id: number }).id;

test("threads are shared by workers of two and more, and two stay together", () => {
  const shares = [1, 2, 3, 4, 6, 8, 16].map(shareThreads);
  assert.deepEqual(
    shares.map(({ workers, threadsEach }) => [workers, threadsEach]),
    [
      [1, 1],
      [1, 2],
      [1, 3],
      [2, 2],
      [3, 2],
      [4, 2],
      [4, 4],
    ],
  );
});

test("no more workers are opened than there is work for, and all of them are closed", async () => {
  const { pool, opened, closed } = fakeWorkers(3);
  await pool.forEach(["one"], async () => {});
  assert.deepEqual(opened, [0]);
  const by: number[] = [];
  await pool.forEach([1, 2, 3, 4, 5], async (worker) => void by.push(idOf(worker)));
  assert.equal(by.length, 5);
  assert.deepEqual([...new Set(by)].sort(), [0, 1, 2]);
  await pool.close();
  assert.deepEqual(closed, [0, 1, 2]);
});

test("after a failure no more is begun, and what is under way comes to its end", async () => {
  const { pool } = fakeWorkers(2);
  const finished: number[] = [];
  const work = async (_: LastingWorker, item: number) => {
    await new Promise((resolve) => setTimeout(resolve, item * 10));
    if (item === 1) throw new Error("bad batch");
    finished.push(item);
  };
  await assert.rejects(pool.forEach([1, 2, 3, 4], work), /bad batch/);
  assert.deepEqual(finished, [2]);
});

/** A pool of one worker that opens when it is told to. */
function slowWorker() {
  let opened!: () => void;
  const signals: AbortSignal[] = [];
  const pool = new WorkerPool(1, (signal) => {
    signals.push(signal);
    return new Promise((resolve, reject) => {
      opened = () => resolve({ close: async () => {} } as unknown as LastingWorker);
      signal.addEventListener("abort", () => reject(signal.reason));
    });
  });
  return { pool, signals, open: () => opened() };
}

test("who gives up waiting for a worker leaves it to the others who wait, and to those who come later", async () => {
  const { pool, signals, open } = slowWorker();
  const [abort, late] = [new AbortController(), new AbortController()];
  const done: string[] = [];
  const first = pool.forEach(["first"], async (_, item) => void done.push(item), abort.signal);
  const second = pool.forEach(["second"], async (_, item) => void done.push(item));
  abort.abort(new Error("client went away"));
  await assert.rejects(first, /client went away/);
  open();
  await second;
  await pool.forEach(["third"], async (_, item) => void done.push(item), late.signal);
  assert.deepEqual(done, ["second", "third"]);
  assert.equal(signals.length, 1);
  await assert.rejects(
    pool.forEach([4], async () => {}, AbortSignal.abort(new Error("at once"))),
    /at once/,
  );
});

test("closing gives up a worker that is being opened", async () => {
  const { pool, signals } = slowWorker();
  const waiting = pool.forEach([1], async () => {});
  const refused = assert.rejects(waiting, { name: "AbortError" });
  await pool.close();
  await refused;
  assert.equal(signals[0]?.aborted, true);
});

test("a worker that could not be opened is tried again by the next call", async () => {
  const { pool, opened, failNext } = fakeWorkers(1);
  failNext();
  await assert.rejects(pool.open(), /no weights/);
  await pool.forEach([1], async () => {});
  assert.deepEqual(opened, [0]);
});
