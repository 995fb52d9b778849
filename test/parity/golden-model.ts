import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  configFromHuggingFace,
  type DecoderSource,
  Engine,
  type EngineOptions,
  TrainerEngine,
  type TrainingTarget,
} from "../../generator/index.ts";
import type { TensorData } from "../../ptuning/index.ts";
import { openWeights, type WeightFile } from "../../runtime/index.ts";

/** The golden models' context. */
export const CONTEXT = 256;

/** One folder of `models/`, opened for every check. */
export interface GoldenModel {
  readonly subject: string;
  readonly folder: string;
  readonly golden: WeightFile;
  readonly engine: Engine;
  /** Trains virtual tokens. */
  readonly trainer: TrainerEngine;
  /** A trainer of something else; closed with the model. */
  openTrainer(target: TrainingTarget): Promise<TrainerEngine>;
  readonly options: EngineOptions;
  close(): Promise<void>;
}

export async function openGoldenModel(
  folder: string,
  subject: string,
  cacheFolder: string,
): Promise<GoldenModel> {
  const source = modelSource(folder, subject);
  const golden = openWeights(join(folder, "golden.safetensors"));
  const options = { cacheFolder, weights: "float32" as const, contextLength: CONTEXT, threads: 1 };
  const engine = await Engine.open(source, options);
  const trainers: TrainerEngine[] = [];
  const openTrainer = async (target: TrainingTarget) => {
    const trainer = await TrainerEngine.open(engine, {
      ...options,
      target,
      trainingCacheBytes: 2 ** 30,
      trainingCachePrecision: "float32",
    });
    trainers.push(trainer);
    return trainer;
  };
  const close = async () => {
    golden.close();
    for (const trainer of trainers) await trainer.close();
    await engine.close();
  };
  const trainer = await openTrainer({ kind: "virtual" });
  return { subject, folder, golden, engine, trainer, openTrainer, options, close };
}

/** A golden model as the engine takes it. */
export function modelSource(folder: string, name: string): DecoderSource {
  const raw: unknown = JSON.parse(readFileSync(join(folder, "config.json"), "utf8"));
  const config = configFromHuggingFace(raw, `${name}/config.json`);
  const weightsPath = join(folder, "model.safetensors");
  return { name, fingerprint: name.padEnd(64, "0"), config, weightsPath };
}

/** Every tensor of a safetensors file. */
export function readTensors(path: string): Map<string, TensorData> {
  const file = openWeights(path);
  const entries = [...file.tensors.values()].map(
    ({ name, shape }) => [name, { shape, data: file.readF32(name) }] as const,
  );
  file.close();
  return new Map(entries);
}
