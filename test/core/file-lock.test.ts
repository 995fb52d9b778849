import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { withFileLock } from "../../core/index.ts";

test("work under one lock never overlaps, and a caller that will not wait is told", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-lock-"));
  try {
    const path = join(folder, "thing");
    const events: string[] = [];
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let started: () => void = () => {};
    const running = new Promise<void>((resolve) => {
      started = resolve;
    });
    const first = withFileLock(path, { waitMs: 0 }, async () => {
      events.push("first in");
      started();
      await held;
      events.push("first out");
    });
    await running;
    await assert.rejects(
      withFileLock(path, { waitMs: 0 }, async () => {}),
      { code: "file/locked" },
    );
    const second = withFileLock(path, { waitMs: 60_000, onWait: () => release() }, async () => {
      events.push("second in");
    });
    await Promise.all([first, second]);
    assert.deepEqual(events, ["first in", "first out", "second in"]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a lock that cannot be made is told in one sentence", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-lock-"));
  try {
    await writeFile(join(folder, "file"), "");
    const path = join(folder, "file", "thing");
    await assert.rejects(
      withFileLock(path, { waitMs: 0 }, async () => {}),
      { code: "file/write-failed", message: /thing: could not be locked \(E\w+.*check free space/ },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("who loses the lock fails, and the process lives", async () => {
  const folder = await mkdtemp(join(tmpdir(), "foreword-lock-"));
  let end: () => void = () => {};
  // The lock is looked after by timers that do not keep the process alive.
  const alive = setInterval(() => {}, 1000);
  try {
    const path = join(folder, "thing");
    const losing = withFileLock(path, { waitMs: 0 }, async () => {
      await rm(`${path}.lock`, { recursive: true });
      await new Promise<void>((resolve) => {
        end = resolve;
      });
    });
    await assert.rejects(losing, {
      code: "file/locked",
      message: /thing: its lock was taken over/,
    });
    // The lock of whoever has it by now stays.
    await withFileLock(path, { waitMs: 0 }, async () => {
      end();
      await assert.rejects(
        withFileLock(path, { waitMs: 0 }, async () => {}),
        { code: "file/locked" },
      );
    });
  } finally {
    clearInterval(alive);
    await rm(folder, { recursive: true, force: true });
  }
});
