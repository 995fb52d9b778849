import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TrainingExample } from "../../generator/index.ts";
import { openWeights } from "../../runtime/index.ts";
import { type Check, largestDifference, type ParityReport, type Uncovered } from "./check.ts";
import { type GoldenModel, readTensors } from "./golden-model.ts";
import { peftName, startFromPeft } from "./peft-prompts.ts";

const TRAINING_LOSS = 1e-3;
/** Of trained parameters: ten steps of at most 0.01 each. */
const PARAMETERS = 1e-3;

interface Curve {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly losses: readonly number[];
  readonly lossAfter?: number;
}

/** Trains ten steps of every method from PEFT's own initial parameters on its batch. */
export async function checkCurves(model: GoldenModel): Promise<ParityReport> {
  const { folder, subject } = model;
  const curves: Record<string, Curve | { unavailable: string }> = JSON.parse(
    readFileSync(join(folder, "curves.json"), "utf8"),
  );
  const checks: Check[] = [];
  const uncovered: Uncovered[] = [];
  for (const [method, curve] of Object.entries(curves)) {
    if ("losses" in curve) checks.push(...(await checkCurve(model, method, curve)));
    else uncovered.push({ subject, check: `${method} curve`, reason: curve.unavailable });
  }
  return { checks, uncovered };
}

async function checkCurve(model: GoldenModel, method: string, curve: Curve): Promise<Check[]> {
  const { folder, subject } = model;
  const { target, prompt } = await startFromPeft(model, method, curve);
  const trainer = target.kind === "virtual" ? model.trainer : await model.openTrainer(target);
  const examples = readBatch(folder);
  try {
    const losses: number[] = [];
    for (let step = 0; step <= curve.losses.length; step++) {
      const { loss, gradients } = await trainer.lossAndGradient(examples, prompt.conditioning());
      losses.push(loss);
      if (step < curve.losses.length) prompt.step(gradients);
    }
    const after = curve.lossAfter === undefined ? [] : [curve.lossAfter];
    const expected = [...curve.losses, ...after];
    const difference = largestDifference(losses.slice(0, expected.length), expected);
    const curveCheck = { subject, check: `${method} curve`, difference };
    const own: Check[] = [{ ...curveCheck, tolerance: TRAINING_LOSS }];
    if (method === "full") return own;
    const parameters = differenceFromFinal(folder, method, prompt.trainable.save());
    const check = `${method} parameters`;
    return [...own, { subject, check, difference: parameters, tolerance: PARAMETERS }];
  } finally {
    prompt.trainable.dispose();
  }
}

/** The largest difference from what PEFT ended with, over all tensors. */
function differenceFromFinal(
  folder: string,
  method: string,
  trained: ReturnType<Awaited<ReturnType<typeof startFromPeft>>["prompt"]["trainable"]["save"]>,
): number {
  const final = readTensors(join(folder, method, "final.safetensors"));
  const named = new Map([...trained].map(([name, tensor]) => [peftName(name), tensor]));
  const differences = [...final].map(([name, { data }]) =>
    largestDifference(named.get(name)?.data ?? [], data),
  );
  return named.size === final.size ? Math.max(...differences) : Number.POSITIVE_INFINITY;
}

/** The fixed batch: labels stand where the answer is, −100 elsewhere. */
function readBatch(folder: string): TrainingExample[] {
  const file = openWeights(join(folder, "batch.safetensors"));
  const [rows = 0, length = 0] = file.tensors.get("input_ids")!.shape;
  const [ids, labels] = [file.readF32("input_ids"), file.readF32("labels")];
  file.close();
  return Array.from({ length: rows }, (_, row) => {
    const own = [...ids.subarray(row * length, (row + 1) * length)];
    const answer = [...labels.subarray(row * length, (row + 1) * length)].findIndex((l) => l >= 0);
    return { prefixIds: [], ids: own.slice(0, answer), answerIds: own.slice(answer) };
  });
}
