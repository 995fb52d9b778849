import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

/**
 * Runs every `*.test.ts` under this folder, or only those whose path contains one of the arguments, and
 * prints node's summary. (Node 20 takes no glob after `--test`, and shells differ.)
 */
const wanted = process.argv.slice(2);
const files = readdirSync(import.meta.dirname, { recursive: true, encoding: "utf8" })
  .filter((path) => path.endsWith(".test.ts"))
  .filter((path) => wanted.length === 0 || wanted.some((part) => path.includes(part)))
  .sort()
  .map((path) => join(import.meta.dirname, path));
if (files.length === 0) {
  process.stderr.write(`no test file matches: ${wanted.join(", ")}\n`);
  process.exitCode = 2;
} else {
  const events = run({ files, concurrency: 2 });
  events.on("test:fail", () => {
    process.exitCode = 1;
  });
  events.compose(new spec()).pipe(process.stdout);
}
