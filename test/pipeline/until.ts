import assert from "node:assert/strict";

const DEADLINE_MS = 180_000;

/** Waits until something holds; what never does fails with its name, and does not hang. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  while (!(await holds())) {
    assert.ok(performance.now() < deadline, `never came: ${what}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
