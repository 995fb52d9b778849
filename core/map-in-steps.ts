import { setImmediate } from "node:timers/promises";

/** How long a step takes, and a little more, in milliseconds. */
const STEP_MS = 20;

/**
 * What `work` makes of each item, in order, in steps between which the thread's other work goes on.
 * @throws the signal's reason between two steps, and what the work throws
 */
export async function mapInSteps<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Result,
  signal?: AbortSignal,
): Promise<Result[]> {
  const results: Result[] = [];
  let began = performance.now();
  for (const [index, item] of items.entries()) {
    results.push(work(item, index));
    if (performance.now() - began < STEP_MS) continue;
    await setImmediate();
    signal?.throwIfAborted();
    began = performance.now();
  }
  return results;
}
