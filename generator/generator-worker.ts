import { workerData } from "node:worker_threads";
import { RagError } from "../core/index.ts";
import { type CallContext, serveWorker } from "../runtime/index.ts";
import { AdaptedEngines } from "./adapted-engines.ts";
import { AttentionMeter } from "./attention-meter.ts";
import { type Adaptation, type Conditioning, isAdaptation } from "./conditioning.ts";
import { Engine } from "./engine.ts";
import type { EngineOptions } from "./engine-options.ts";
import type { GenerationRequest, GenerationSummary, TextBehindPrefixes } from "./generation.ts";
import { withConditioningInFront } from "./in-front.ts";
import type { DecoderSource } from "./model.ts";
import { readTrainableWeights } from "./trainable-weights.ts";
import { TrainerEngine, type TrainerSettings, type TrainingExample } from "./trainer-engine.ts";

/** What the generator hands to its worker at the start. */
export interface GeneratorWorkerData {
  readonly source: DecoderSource;
  readonly options: EngineOptions;
}

/** Examples and what is learned from them. */
interface Batch {
  readonly examples: readonly TrainingExample[];
  readonly conditioning: Conditioning;
}

interface TrainingBatch extends Batch {
  readonly settings: TrainerSettings;
}

const { source, options } = workerData as GeneratorWorkerData;
let engine: Engine | undefined;
let trainer: TrainerEngine | undefined;
const adapted = new AdaptedEngines(source, options);

serveWorker({
  open: async (_: undefined, { signal }: CallContext) => {
    engine = await Engine.open(source, options, signal);
  },
  generate: {
    concurrent: async (request: GenerationRequest, context: CallContext) => {
      const { conditioning, ...plain } = request;
      if (!isAdaptation(conditioning)) return generate(requireOpen(engine), request, context);
      return adapted.with(conditioning, (one) => generate(one, plain, context));
    },
  },
  load: { concurrent: async () => requireOpen(engine).load },
  scorePrompt: {
    concurrent: async (
      text: { readonly ids: readonly number[]; readonly topCount: number },
      { signal }: CallContext,
    ) => requireOpen(engine).scorePrompt(text.ids, text.topCount, signal),
  },
  scoreBehind: {
    concurrent: async (text: TextBehindPrefixes, { signal }: CallContext) =>
      requireOpen(engine).scoreBehind(text, signal),
  },
  embeddings: async (ids: readonly number[]) => requireOpen(engine).embeddings(ids),
  deepTokens: async (ids: readonly number[], { signal }: CallContext) =>
    requireOpen(engine).deepTokens(ids, signal),
  openAdapted: async (adaptation: Adaptation) => adapted.with(adaptation, async () => undefined),
  trainableWeights: async (_: undefined, { signal }: CallContext) =>
    readTrainableWeights(source, options, signal),
  openTrainer: async (settings: TrainerSettings, { signal }: CallContext) => {
    await trainer?.close();
    trainer = await openTrainer(settings);
    signal.throwIfAborted();
  },
  lossAndGradient: async (batch: TrainingBatch, { signal }: CallContext) => {
    trainer ??= await openTrainer(batch.settings);
    return trainer.lossAndGradient(batch.examples, batch.conditioning, signal);
  },
  attentionShares: async ({ examples, conditioning }: Batch, { signal }: CallContext) => {
    const meter = await AttentionMeter.open(source, options, signal);
    return meter.shares(examples, conditioning, signal).finally(() => meter.close());
  },
  closeTrainer: async () => {
    await trainer?.close();
    await adapted.close();
    trainer = undefined;
  },
});

const openTrainer = (settings: TrainerSettings): Promise<TrainerEngine> =>
  TrainerEngine.open(requireOpen(engine), { ...options, ...settings });

async function generate(
  one: Engine,
  request: GenerationRequest,
  { signal, emit }: CallContext,
): Promise<GenerationSummary> {
  const placed = withConditioningInFront(request, source.config);
  const isKept = one === engine && request.keepsPrefix && placed.prefixIds.length > 0;
  const prefixRows = isKept ? await trainer?.prefixRows(placed.prefixIds) : undefined;
  const tokens = one.generate({ ...placed, prefixRows }, signal);
  for (;;) {
    const next = await tokens.next();
    if (next.done) return next.value;
    emit(next.value);
  }
}

function requireOpen<Opened>(opened: Opened | undefined): Opened {
  if (opened) return opened;
  throw new RagError("internal", "generator worker: was called before it was opened");
}
