import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  Engine,
  type EngineOptions,
  TrainerEngine,
  type TrainerOptions,
  type TrainingTarget,
} from "../../generator/index.ts";
import { modelSource } from "../parity/golden-model.ts";

const golden = join(import.meta.dirname, "..", "fixtures", "golden", "models", "llama-tied");

/** The tiny random model of the golden files, with everything in f32. */
export interface TinyEngine {
  readonly engine: Engine;
  readonly options: EngineOptions;
  trainer(target: TrainingTarget, settings?: Partial<TrainerOptions>): Promise<TrainerEngine>;
  close(): Promise<void>;
}

export async function openTinyEngine(): Promise<TinyEngine> {
  const cacheFolder = await mkdtemp(join(tmpdir(), "foreword-engine-"));
  const options = { cacheFolder, weights: "float32" as const, contextLength: 128, threads: 1 };
  const engine = await Engine.open(modelSource(golden, "llama-tied"), options);
  const trainers: TrainerEngine[] = [];
  return {
    engine,
    options,
    trainer: async (target, settings = {}) => {
      const trainer = await TrainerEngine.open(engine, {
        ...options,
        target,
        trainingCacheBytes: 2 ** 20,
        trainingCachePrecision: "float32",
        ...settings,
      });
      trainers.push(trainer);
      return trainer;
    },
    close: async () => {
      for (const trainer of trainers) await trainer.close();
      await engine.close();
      await rm(cacheFolder, { recursive: true, force: true });
    },
  };
}

/** Ids below the tiny vocabulary, different for each seed. */
export const someIds = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, i) => (seed * 31 + i * 17) % 160);
