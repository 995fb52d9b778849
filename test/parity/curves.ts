import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TrainerEngine } from "../../generator/index.ts";
import { createPromptEncoder, type EncoderKind } from "../../ptuning/index.ts";
import { openWeights } from "../../runtime/index.ts";
import { type Check, largestDifference, type ParityReport, type Uncovered } from "./check.ts";
import { type GoldenModel, readTensors } from "./golden-model.ts";

const TRAINING_LOSS = 1e-3;
/** Methods whose curves are trained here, by the encoder they use. */
const ENCODERS: Readonly<Record<string, EncoderKind>> = {
  "prompt-tuning": "embedding",
  "p-tuning-mlp": "mlp",
  "p-tuning-lstm": "lstm",
};

interface Curve {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly losses: readonly number[];
  readonly lossAfter: number;
}

/** Trains ten steps from PEFT's own initial parameters on its batch. */
export async function checkCurves({
  folder,
  subject,
  trainer,
}: GoldenModel): Promise<ParityReport> {
  const curves: Record<string, Curve | { unavailable: string }> = JSON.parse(
    readFileSync(join(folder, "curves.json"), "utf8"),
  );
  const checks: Check[] = [];
  const uncovered: Uncovered[] = [];
  for (const [method, curve] of Object.entries(curves)) {
    const kind = ENCODERS[method];
    const check = `${method} curve`;
    if (!("losses" in curve)) continue;
    if (!kind) {
      uncovered.push({ subject, check, reason: "the method is not trained yet" });
      continue;
    }
    const losses = await trainCurve({ folder, method, kind, curve, trainer });
    const expected = [...curve.losses, curve.lossAfter];
    const difference = largestDifference(losses, expected);
    checks.push({ subject, check, difference, tolerance: TRAINING_LOSS });
  }
  return { checks, uncovered };
}

async function trainCurve(run: {
  readonly folder: string;
  readonly method: string;
  readonly kind: EncoderKind;
  readonly curve: Curve;
  readonly trainer: TrainerEngine;
}): Promise<number[]> {
  const { folder, method, kind, curve, trainer } = run;
  const initial = readTensors(join(folder, method, "initial.safetensors"));
  const adapter: { num_virtual_tokens: number; token_dim: number; encoder_hidden_size?: number } =
    JSON.parse(readFileSync(join(folder, method, "adapter_config.json"), "utf8"));
  const encoder = await createPromptEncoder({
    kind,
    virtualTokens: adapter.num_virtual_tokens,
    width: adapter.token_dim,
    hiddenSize: adapter.encoder_hidden_size ?? 1,
    initial: "random",
    seed: 1,
    optimizer: {
      learningRate: curve.learningRate,
      weightDecay: curve.weightDecay,
      maxGradientNorm: Number.POSITIVE_INFINITY,
    },
  });
  try {
    encoder.load(initial);
    const losses: number[] = [];
    for (let step = 0; step <= curve.losses.length; step++) {
      const rows = encoder.forward();
      const result = await trainer.lossAndGradient(readBatch(folder), {
        kind: "virtual",
        count: adapter.num_virtual_tokens,
        rows,
      });
      losses.push(result.loss);
      if (step < curve.losses.length) encoder.step(result.gradients[0]!);
    }
    return losses;
  } finally {
    encoder.dispose();
  }
}

/** The fixed batch: labels stand where the answer is, −100 elsewhere. */
function readBatch(folder: string) {
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
