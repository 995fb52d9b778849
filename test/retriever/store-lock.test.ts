import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, type TestContext, test } from "node:test";
import { withStoreLock } from "../../retriever/index.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "foreword-lock-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** A process that holds the lock until it is killed, though nothing in it refers to its work any more. */
async function otherOwner(t: TestContext) {
  const module = JSON.stringify(import.meta.resolve("../../retriever/index.ts"));
  const code = `const { withStoreLock } = await import(${module});
    await withStoreLock(${JSON.stringify(folder)}, { job: "ingest" }, () => {
      setInterval(() => {}, 1000);
      setTimeout(() => { gc(); setTimeout(() => { gc(); process.stdout.write("held"); }, 50); }, 50);
      return new Promise(() => {}); });`;
  const child = spawn(
    process.execPath,
    ["--expose-gc", "--import", "tsx", "--input-type=module", "--eval", code],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  t.after(() => child.kill("SIGKILL"));
  await once(child.stdout, "data");
  return child;
}

test("a second writer is refused and told who writes", async (t) => {
  const other = await otherOwner(t);
  await assert.rejects(
    withStoreLock(folder, { job: "compact" }, async () => {}),
    {
      code: "file/locked",
      message: new RegExp(`foreword process \\(ingest, process ${other.pid}, since 20`),
    },
  );
});

test("the lock of a killed writer is free at once", async (t) => {
  const other = await otherOwner(t);
  other.kill("SIGKILL");
  await once(other, "close");
  assert.equal(await withStoreLock(folder, { job: "ingest" }, async () => "mine"), "mine");
});

test("a writer that waits begins when the other ends, and says for whom it waits", async () => {
  const order: string[] = [];
  let release!: () => void;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const first = withStoreLock(folder, { job: "first" }, async () => {
    await released;
    order.push("first");
  });
  const onWait = (owner: string) => {
    order.push(/\((\w+), process \d+/.exec(owner)![1]!);
    release();
  };
  await withStoreLock(folder, { job: "second", waitMs: 60_000, onWait }, async () => {
    order.push("second");
  });
  await first;
  assert.deepEqual(order, ["first", "first", "second"]);
});

test("an abort ends the waiting, and a failure releases the lock", async () => {
  await withStoreLock(folder, { job: "first" }, async () => {
    const signal = AbortSignal.timeout(50);
    const waiting = withStoreLock(folder, { job: "next", waitMs: 60_000, signal }, async () => {});
    await assert.rejects(waiting, { name: "TimeoutError" });
  });
  const failing = withStoreLock(folder, { job: "fails" }, async () => {
    throw new Error("inside");
  });
  await assert.rejects(failing, /inside/);
  assert.equal(await withStoreLock(folder, { job: "last" }, async () => 1), 1);
});

test("the lock is let go of when the file that names its owner cannot be removed", async () => {
  const ownerFile = join(folder, "writer.json");
  const spoil = async () => {
    await rm(ownerFile);
    await mkdir(ownerFile);
  };
  await assert.rejects(withStoreLock(folder, { job: "first" }, spoil), {
    code: "file/write-failed",
    message: new RegExp(`^${basename(folder)}: cannot be written \\(\\w+\\); check permissions`),
  });
  await rm(ownerFile, { recursive: true });
  const failing = withStoreLock(folder, { job: "second" }, async () => {
    await spoil();
    throw new Error("inside");
  });
  await assert.rejects(failing, /inside/);
  await rm(ownerFile, { recursive: true });
  assert.equal(await withStoreLock(folder, { job: "third" }, async () => "mine"), "mine");
});
