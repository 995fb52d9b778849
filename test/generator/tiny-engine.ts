import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Random } from "../../core/index.ts";
import {
  type DecoderConfig,
  Engine,
  type EngineOptions,
  type QueryChange,
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

/** A change of a tiny model's queries that is seen in its answers. */
export function someQueries(config: DecoderConfig, rank: number, seed: number): QueryChange {
  const random = new Random(seed);
  const draw = (count: number) => Float32Array.from({ length: count }, () => random.normal() / 4);
  const { layers, width, heads, headDimension } = config;
  const matrices = (size: number) => Array.from({ length: layers }, () => draw(size));
  return { rank, down: matrices(rank * width), up: matrices(heads * headDimension * rank) };
}

/** Ids below the tiny vocabulary, different for each seed. */
export const someIds = (count: number, seed = 1): number[] =>
  Array.from({ length: count }, (_, i) => (seed * 31 + i * 17) % 160);
