import type { Generator } from "../../generator/index.ts";
import {
  hasPrompt,
  loadPrompt,
  parseTuneSettings,
  promptBytes,
  type QaFile,
  type Retrieve,
  type TuneEvent,
  type TuneSettings,
  tunePrompt,
  UNRESUMABLE,
} from "../../ptuning/index.ts";
import type { TrainedResult } from "./cell-store.ts";
import type { TrainingCell } from "./cells.ts";

export interface TrainingParts {
  readonly qa: QaFile;
  readonly generator: Generator;
  readonly retrieve: Retrieve;
  /** Its `prompts/` gets the prompt. */
  readonly storeFolder: string;
  /** Keeps passages' keys and values for other trainings of the comparison. */
  readonly passageFolder: string;
  readonly onEvent: (event: TuneEvent) => void;
  readonly signal: AbortSignal;
}

const MEMORY_INTERVAL_MS = 200;

/**
 * How an arm is trained, its prompt's name aside. Passages are kept on disk, not in memory, so that peak memory is the method's own.
 * @throws RagError config/invalid
 */
export function armSettings(
  { arm, dataset: { trainLimit }, seed }: TrainingCell,
  passages: number,
): TuneSettings {
  const limit = trainLimit === undefined ? {} : { limit: trainLimit };
  return parseTuneSettings(
    { passageCacheBytes: 0, ...arm.settings, ...limit, name: arm.name, seed, passages },
    `arm "${arm.name}"`,
  );
}

/** Trains one arm; a run that was interrupted goes on from its checkpoint. @throws RagError as tunePrompt */
export async function trainArm(tuning: TuneSettings, parts: TrainingParts): Promise<TrainedResult> {
  const { storeFolder } = parts;
  const { name } = tuning;
  const settings = { ...tuning, resume: hasPrompt(storeFolder, name) };
  const memory = watchMemory();
  let allParameters = 0;
  try {
    // A comparison that was stopped goes on by itself, whatever became of its checkpoints.
    for await (const event of tunePrompt(settings, { ...parts, anewAt: UNRESUMABLE })) {
      if (event.event === "prepared") allParameters = event.allParameters;
      parts.onEvent(event);
    }
  } finally {
    memory.stop();
  }
  const { training, virtualTokens } = (await loadPrompt(storeFolder, name)).about;
  return {
    trainedParameters: training.trainableParameters ?? 0,
    allParameters,
    virtualTokens,
    seconds: training.seconds - (training.passageSeconds ?? 0),
    passageSeconds: training.passageSeconds ?? 0,
    peakMemoryBytes: memory.peak(),
    promptBytes: (await promptBytes(storeFolder, name)).prompt,
    examples: training.examples,
    steps: training.steps,
    lossCurve: training.lossCurve,
    devCurve: training.devCurve,
    dev: training.dev,
  };
}

/** Looks at the process's resident memory now and then: engine, cached passages and optimizer together. */
function watchMemory(): { peak: () => number; stop: () => void } {
  let peak = process.memoryUsage.rss();
  const timer = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, MEMORY_INTERVAL_MS);
  return { peak: () => peak, stop: () => clearInterval(timer) };
}
