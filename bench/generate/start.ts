import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = join(import.meta.dirname, "..", "..");

/** Builds Foreword, so that what starts is what users start. */
export async function build(): Promise<void> {
  const typescript = dirname(createRequire(import.meta.url).resolve("typescript/package.json"));
  const compiler = join(typescript, "bin", "tsc");
  await run(process.execPath, [compiler, "-p", "tsconfig.build.json"], { cwd: ROOT });
}

/** Seconds from nothing to the first token, in a process of its own; see start.mjs. */
export async function measureStart(threads: number, contextLength: number): Promise<number> {
  const script = join(import.meta.dirname, "start.mjs");
  const { stdout } = await run(process.execPath, [script, String(threads), String(contextLength)]);
  return Number(stdout);
}
