import { join } from "node:path";
import { writeFileAtomic } from "../core/index.ts";

/**
 * Replaces the result that the documentation quotes, and its plot (SVG) beside it; on `--save` only, because a run on other data or
 * without the peers would lose what is told of them.
 */
export async function saveResult(name: string, result: object, plot?: string): Promise<void> {
  const path = join(import.meta.dirname, "results", name);
  await writeFileAtomic(`${path}.json`, `${JSON.stringify(result, null, 2)}\n`);
  if (plot !== undefined) await writeFileAtomic(`${path}.svg`, plot);
  process.stderr.write(`saved as bench/results/${name}.json\n`);
}
