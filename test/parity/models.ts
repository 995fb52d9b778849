import { readdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RagError } from "../../core/index.ts";
import type { Check, ParityReport, Uncovered } from "./check.ts";
import { checkCurves } from "./curves.ts";
import { checkGguf } from "./gguf.ts";
import { openGoldenModel } from "./golden-model.ts";
import { checkGradients } from "./gradients.ts";
import { checkInference } from "./inference.ts";

/** Compares every model of `folder/models`, and the GGUF copy of one of them. */
export async function checkModels(folder: string): Promise<ParityReport> {
  const cacheFolder = await mkdtemp(join(tmpdir(), "foreword-parity-"));
  const checks: Check[] = [];
  const uncovered: Uncovered[] = [];
  try {
    for (const family of readdirSync(join(folder, "models")).sort()) {
      try {
        const report = await checkModel(join(folder, "models", family), family, cacheFolder);
        checks.push(...report.checks);
        uncovered.push(...report.uncovered);
      } catch (thrown) {
        if (!(thrown instanceof RagError) || thrown.code !== "model/unsupported") throw thrown;
        uncovered.push({ subject: family, check: "all", reason: thrown.message });
      }
    }
    checks.push(...(await checkGguf(folder, cacheFolder)));
  } finally {
    await rm(cacheFolder, { recursive: true, force: true });
  }
  return { checks, uncovered };
}

async function checkModel(
  folder: string,
  family: string,
  cacheFolder: string,
): Promise<ParityReport> {
  const model = await openGoldenModel(folder, family, cacheFolder);
  try {
    const curves = await checkCurves(model);
    return {
      checks: [
        ...(await checkInference(model)),
        ...(await checkGradients(model)),
        ...curves.checks,
      ],
      uncovered: curves.uncovered,
    };
  } finally {
    await model.close();
  }
}
