import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RagError } from "../../core/index.ts";
import {
  type Conditioning,
  configFromGguf,
  configFromHuggingFace,
  type DecoderSource,
  Engine,
  GREEDY,
  TrainerEngine,
} from "../../generator/index.ts";
import { createPromptEncoder, type EncoderKind, type TensorData } from "../../ptuning/index.ts";
import { openGguf, openWeights, type WeightFile } from "../../runtime/index.ts";
import {
  type Check,
  countDifferences,
  largestDifference,
  type ParityReport,
  relativeDifference,
  type Uncovered,
} from "./check.ts";

const LOGITS = 2e-4;
const LOSS = 1e-5;
const GRADIENT = 1e-4;
const TRAINING_LOSS = 1e-3;
const CONTEXT = 256;
const GREEDY_TOKENS = 12;
/** Methods whose curves are trained here, by the encoder they use. */
const ENCODERS: Readonly<Record<string, EncoderKind>> = {
  "prompt-tuning": "embedding",
  "p-tuning-mlp": "mlp",
  "p-tuning-lstm": "lstm",
};

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
  const source = modelSource(folder, family);
  const golden = openWeights(join(folder, "golden.safetensors"));
  const options = { cacheFolder, weights: "float32" as const, contextLength: CONTEXT, threads: 1 };
  const engine = await Engine.open(source, options);
  const trainer = await TrainerEngine.open(engine, {
    ...options,
    target: "virtual",
    trainingCacheBytes: 2 ** 30,
    trainingCachePrecision: "float32",
  });
  try {
    const { answerTokens } = JSON.parse(readFileSync(join(folder, "golden.json"), "utf8"));
    const curves = await checkCurves(folder, family, trainer);
    return {
      checks: [
        ...(await checkInference(engine, golden, family)),
        ...(await checkGradients({ engine, trainer, golden, family, answerTokens })),
        ...curves.checks,
      ],
      uncovered: curves.uncovered,
    };
  } finally {
    golden.close();
    await trainer.close();
    await engine.close();
  }
}

/** A golden model as the engine takes it. */
export function modelSource(folder: string, name: string): DecoderSource {
  const raw: unknown = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  const config = configFromHuggingFace(raw, `${name}/config.json`);
  const weightsPath = join(folder, "model.safetensors");
  return { name, fingerprint: name.padEnd(64, "0"), config, weightsPath };
}

async function checkInference(
  engine: Engine,
  golden: WeightFile,
  subject: string,
): Promise<Check[]> {
  const ids = [...golden.readF32("input_ids")];
  const greedy: number[] = [];
  const half = Math.floor(ids.length / 2);
  const request = {
    prefixIds: ids.slice(0, half),
    ids: ids.slice(half),
    maxTokens: GREEDY_TOKENS,
    stopIds: [],
    sampling: GREEDY,
  };
  for await (const { id } of engine.generate(request)) greedy.push(id);
  const logits = largestDifference(await engine.logits(ids), golden.readF32("logits"));
  return [
    { subject, check: "logits", difference: logits, tolerance: LOGITS },
    {
      subject,
      check: "greedy ids",
      difference: countDifferences(greedy, [...golden.readF32("greedy")]),
      tolerance: 0,
    },
  ];
}

async function checkGradients(parts: {
  readonly engine: Engine;
  readonly trainer: TrainerEngine;
  readonly golden: WeightFile;
  readonly family: string;
  readonly answerTokens: number;
}): Promise<Check[]> {
  const { engine, trainer, golden, family: subject, answerTokens } = parts;
  const { width } = engine.model.config;
  const ids = [...golden.readF32("input_ids")];
  const answerIds = ids.slice(-answerTokens);
  const virtual = (rows: Float32Array): Conditioning & { kind: "virtual" } => ({
    kind: "virtual",
    count: rows.length / width,
    rows,
  });
  // The embeddings of all tokens but the last stand in for virtual tokens, so their gradient is that of the inputs.
  const inputs = ids.slice(0, -answerTokens);
  const whole = await trainer.lossAndGradient(
    [{ prefixIds: [], ids: [], answerIds }],
    virtual(engine.embeddings(inputs)),
  );
  const [inputGradient] = whole.gradients;
  const passageLength = golden.readF32("between.passage_length")[0]!;
  const rows = virtual(golden.readF32("between.virtual_tokens"));
  const between = await trainer.lossAndGradient(
    [
      {
        prefixIds: ids.slice(0, passageLength),
        ids: ids.slice(passageLength, -answerTokens),
        answerIds,
      },
    ],
    rows,
  );
  const scores = await engine.logits(ids.slice(passageLength), {
    prefixIds: ids.slice(0, passageLength),
    conditioning: rows,
  });
  const tail = golden.readF32("between.logits").subarray(-scores.length);
  const relative = (found: Float32Array, name: string) =>
    relativeDifference(found, golden.readF32(name).subarray(0, found.length));
  const absolute = (found: number, name: string) =>
    largestDifference([found], golden.readF32(name));
  return [
    { check: "loss", difference: absolute(whole.loss, "loss"), tolerance: LOSS },
    {
      check: "input gradient",
      difference: relative(inputGradient!, "grad_inputs_embeds"),
      tolerance: GRADIENT,
    },
    {
      check: "between logits",
      difference: largestDifference(scores, tail),
      tolerance: LOGITS,
    },
    { check: "between loss", difference: absolute(between.loss, "between.loss"), tolerance: LOSS },
    {
      check: "between gradient",
      difference: relative(between.gradients[0]!, "between.grad"),
      tolerance: GRADIENT,
    },
  ].map((check) => ({ subject, ...check }));
}

interface Curve {
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly losses: readonly number[];
  readonly lossAfter: number;
}

/** Trains ten steps from PEFT's own initial parameters on its batch. */
async function checkCurves(
  folder: string,
  subject: string,
  trainer: TrainerEngine,
): Promise<ParityReport> {
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

function readTensors(path: string): Map<string, TensorData> {
  const file = openWeights(path);
  const entries = [...file.tensors.values()].map(
    ({ name, shape }) => [name, { shape, data: file.readF32(name) }] as const,
  );
  file.close();
  return new Map(entries);
}

/** The llama-tied model as llama.cpp stores it gives the same logits. */
async function checkGguf(folder: string, cacheFolder: string): Promise<Check[]> {
  const weightsPath = join(folder, "gguf", "tiny-llama-f32.gguf");
  const goldenPath = join(folder, "models", "llama-tied", "golden.safetensors");
  if (!existsSync(weightsPath) || !existsSync(goldenPath)) return [];
  const file = openGguf(weightsPath);
  const config = configFromGguf(file);
  file.close();
  const source = {
    name: "tiny-llama-f32.gguf",
    fingerprint: "gguf".padEnd(64, "0"),
    config,
    weightsPath,
  };
  const engine = await Engine.open(source, { cacheFolder, contextLength: CONTEXT, threads: 1 });
  const golden = openWeights(goldenPath);
  try {
    return await checkInference(engine, golden, source.name);
  } finally {
    golden.close();
    await engine.close();
  }
}
