import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  configFromHuggingFace,
  type DecoderSource,
  Engine,
  TrainerEngine,
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
  readonly trainer: TrainerEngine;
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
  const trainer = await TrainerEngine.open(engine, {
    ...options,
    target: { kind: "virtual" },
    trainingCacheBytes: 2 ** 30,
    trainingCachePrecision: "float32",
  });
  const close = async () => {
    golden.close();
    await trainer.close();
    await engine.close();
  };
  return { subject, folder, golden, engine, trainer, close };
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
