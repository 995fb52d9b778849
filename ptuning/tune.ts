import { Random } from "../core/index.ts";
import { type Generator, parameterCount, type TrainerSettings } from "../generator/index.ts";
import type { Retrieve } from "./examples.ts";
import type { TrainedPrompt } from "./methods/method.ts";
import { METHODS } from "./methods/methods.ts";
import { checkPromptName } from "./prompt-record.ts";
import type { QaFile } from "./qa-file.ts";
import { isQuestion } from "./qa-record.ts";
import { findCheckpoint, type Progress, type Unresumable } from "./training/checkpoint.ts";
import { findLearningRate } from "./training/find-learning-rate.ts";
import { learningRateOf } from "./training/learning-rate.ts";
import { passageCacheBytesOf } from "./training/passage-room.ts";
import type { TuneEvent } from "./training/tune-events.ts";
import { prepareData, type TuningData } from "./training/tuning-data.ts";
import { TuningRun } from "./training/tuning-run.ts";
import type { TuneSettings } from "./tune-settings.ts";

export interface TuneParts {
  readonly qa: QaFile;
  readonly generator: Generator;
  readonly retrieve: Retrieve;
  /** The store whose `prompts/` gets the result. */
  readonly storeFolder: string;
  /** Keeps passages' keys and values after the training, for others that read the same; by default they go with it. */
  readonly passageFolder?: string | undefined;
  /** What a run to be resumed replaces, as an event tells, instead of being refused: for callers that cannot ask. */
  readonly anewAt?: readonly Unresumable[];
  readonly signal?: AbortSignal | undefined;
}

/**
 * Trains a learned prompt on pairs and saves it: retrieve, split, train with the passages' keys and values cached where the method
 * allows it, score on held-out pairs after every epoch, keep the best. Checkpoints with the optimizer's and the random state are
 * saved every few steps and after every epoch. A run to be resumed of which nothing is saved begins anew, and says so.
 * @throws RagError qa/invalid, config/invalid, train/diverged, prompt/*, engine/failed
 */
export async function* tuneOnce(
  settings: TuneSettings,
  parts: TuneParts & { readonly passageFolder: string },
): AsyncGenerator<TuneEvent, void> {
  checkPromptName(settings.name);
  const { generator, signal } = parts;
  const pairs = new Random(settings.seed).shuffle(parts.qa.pairs).slice(0, settings.limit);
  const key = keyOf(settings, parts.qa.hash);
  const resumed = settings.resume ? yield* findBegun(settings, parts, key) : undefined;
  const found = settings.findLearningRate ? (resumed?.learningRate ?? undefined) : undefined;
  const asked = pairs.filter(isQuestion).length;
  if (asked > 0) yield { event: "retrieving", pairs: asked };
  const data = await prepareData(settings, parts, {
    pairs,
    unanswerable: new Random(settings.seed).shuffle(parts.qa.unanswerable),
  });
  let tuned = found === undefined ? settings : { ...settings, learningRate: found };
  let prompt = await createPrompt(tuned, generator);
  let isOpen = false;
  try {
    yield prepared(data, prompt, generator);
    await generator.openTrainer(
      {
        target: METHODS[settings.method].target(settings, generator.model),
        trainingCacheBytes: passageCacheBytesOf(settings),
        passageFolder: passageFolderOf(settings, parts.passageFolder),
      },
      signal,
    );
    isOpen = true;
    if (settings.findLearningRate && found === undefined) {
      const examples = data.examplesOf(0);
      const test = await findLearningRate(prompt, generator, { ...settings, examples, signal });
      tuned = { ...settings, learningRate: test.learningRate };
      yield { event: "learning-rate", ...test };
      prompt.trainable.dispose();
      prompt = await createPrompt(tuned, generator);
    }
    const { hash: qaHash } = parts.qa;
    const run = new TuningRun(tuned, key, { ...parts, qaHash, data, prompt });
    if (resumed) await run.resume();
    yield* run.epochs();
  } finally {
    prompt.trainable.dispose();
    // One that could not be opened may be another's.
    if (isOpen) await generator.closeTrainer();
  }
}

/** Room on disk for what memory has no room for, where passages are kept at all. */
const passageFolderOf = (
  { method, passageDiskBytes: maxBytes }: TuneSettings,
  path: string,
): TrainerSettings["passageFolder"] =>
  METHODS[method].keepsPassages && maxBytes !== 0 ? { path, maxBytes } : undefined;

const createPrompt = (settings: TuneSettings, generator: Generator): Promise<TrainedPrompt> =>
  METHODS[settings.method].create({
    settings,
    generator,
    optimizer: {
      learningRate: learningRateOf(settings),
      weightDecay: settings.weightDecay,
      maxGradientNorm: settings.maxGradientNorm,
    },
  });

function prepared(data: TuningData, prompt: TrainedPrompt, { model }: Generator): TuneEvent {
  const trainableParameters = prompt.trainable.parameterCount;
  const own = parameterCount(model.config);
  const isWhole = trainableParameters === own;
  return {
    event: "prepared",
    examples: data.count,
    dev: data.dev.length,
    unanswerable: data.unanswerable,
    answersRetrieved: data.answersRetrieved,
    duplicates: data.duplicates,
    unused: data.unused,
    trainableParameters,
    allParameters: own + (isWhole ? 0 : trainableParameters),
  };
}

/** Where the run to be resumed stands; where it begins anew, an event says so. */
async function* findBegun(
  { name }: TuneSettings,
  { storeFolder, anewAt = [] }: TuneParts,
  key: string,
): AsyncGenerator<TuneEvent, Progress | undefined> {
  const found = await findCheckpoint(storeFolder, name, { key, anewAt });
  if (!found.progress) yield { event: "anew", prompt: name, problem: found.problem };
  return found.progress;
}

/** Everything that must be the same for a resumed run to be the same run. */
export function keyOf(settings: TuneSettings, qa: string): string {
  const { resume, passageCacheBytes, passageDiskBytes, checkpointSteps, seeds, ...same } = settings;
  return JSON.stringify({ ...same, qa });
}
