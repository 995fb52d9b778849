import { resolve } from "node:path";
import type { Check, ParityReport } from "./check.ts";
import { checkBlocks } from "./gguf.ts";
import { checkModels } from "./models.ts";
import { checkTexts, hasPart } from "./texts.ts";

/** `npm run parity -- <folder>`: compares everything recorded in the folder, and fails past a tolerance. */
async function main(folder: string): Promise<number> {
  const texts: Check[] = hasPart(folder, "tokenizers") ? await checkTexts(folder) : [];
  const blocks = hasPart(folder, "gguf/index.json") ? checkBlocks(folder) : [];
  const models: ParityReport = hasPart(folder, "models")
    ? await checkModels(folder)
    : { checks: [], uncovered: [] };
  const checks = [...models.checks, ...blocks, ...texts];
  for (const { subject, check, difference, tolerance } of checks) {
    const verdict = difference <= tolerance ? "ok  " : "FAIL";
    const found = difference.toExponential(2);
    print(
      `${verdict} ${subject.padEnd(24)} ${check.padEnd(24)} ${found.padStart(9)}  (≤ ${tolerance})`,
    );
  }
  for (const { subject, check, reason } of models.uncovered) {
    print(`not covered: ${subject.padEnd(17)} ${check.padEnd(24)} ${reason}`);
  }
  const failed = checks.filter(({ difference, tolerance }) => !(difference <= tolerance));
  print(
    `${checks.length - failed.length} of ${checks.length} checks within tolerance, ${models.uncovered.length} not covered`,
  );
  return failed.length > 0 || checks.length === 0 ? 1 : 0;
}

const print = (line: string) => process.stdout.write(`${line}\n`);
const [folder] = process.argv.slice(2);
if (folder === undefined) {
  process.stderr.write("usage: npm run parity -- <folder with models/, gguf/, tokenizers/>\n");
  process.exitCode = 2;
} else {
  process.exitCode = await main(resolve(folder));
}
