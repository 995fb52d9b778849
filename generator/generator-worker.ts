import { workerData } from "node:worker_threads";
import { RagError } from "../core/index.ts";
import { type CallContext, serveWorker } from "../runtime/index.ts";
import type { Conditioning } from "./conditioning.ts";
import { Engine, type EngineOptions, type GenerationRequest } from "./engine.ts";
import type { DecoderSource } from "./model.ts";
import { TrainerEngine, type TrainerOptions, type TrainingExample } from "./trainer-engine.ts";

/** What the generator hands to its worker at the start. */
export interface GeneratorWorkerData {
  readonly source: DecoderSource;
  readonly options: EngineOptions;
}

const { source, options } = workerData as GeneratorWorkerData;
let engine: Engine | undefined;
let trainer: TrainerEngine | undefined;

serveWorker({
  open: async () => {
    engine = await Engine.open(source, options);
  },
  generate: async (request: GenerationRequest, { signal, emit }: CallContext) => {
    const tokens = requireOpen(engine).generate(request, signal);
    for (;;) {
      const next = await tokens.next();
      if (next.done) return next.value;
      emit(next.value);
    }
  },
  embeddings: async (ids: readonly number[]) => requireOpen(engine).embeddings(ids),
  deepTokens: async (ids: readonly number[]) => requireOpen(engine).deepTokens(ids),
  openTrainer: async (settings: Pick<TrainerOptions, "target" | "trainingCacheBytes">) => {
    await trainer?.close();
    trainer = await TrainerEngine.open(requireOpen(engine), { ...options, ...settings });
  },
  lossAndGradient: async (batch: {
    readonly examples: readonly TrainingExample[];
    readonly conditioning: Conditioning;
  }) => requireOpen(trainer).lossAndGradient(batch.examples, batch.conditioning),
  closeTrainer: async () => {
    await trainer?.close();
    trainer = undefined;
  },
});

function requireOpen<Opened>(opened: Opened | undefined): Opened {
  if (opened) return opened;
  throw new RagError("internal", "generator worker: was called before it was opened");
}
