import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import type { LearnedPrompt, TrainingState } from "../prompt-file.ts";
import { loadTraining } from "../prompt-store.ts";

const randomState = z.strictObject({ words: z.array(z.int()), spareNormal: z.number().nullable() });

const progressSchema = z.strictObject({
  /** Settings and data; another key is another run. */
  key: z.string(),
  /** sha256 of the examples as the model reads them; others come from other documents or another search. */
  examples: z.string().optional(), // older ones have none
  epoch: z.int().nonnegative(), // finished ones
  step: z.int().nonnegative(), // optimizer steps done
  examplesDone: z.int().nonnegative(), // of the epoch that is under way
  seconds: z.number().nonnegative(),
  passageSeconds: z.number().nonnegative().default(0), // of them, spent on reading passages
  epochsWithoutGain: z.int().nonnegative(),
  /** The saved prompt is the best one that was scored; before the first scoring it is where training stands. */
  isScored: z.boolean(),
  learningRate: z.number().positive().nullable(), // found, where it was looked for
  random: randomState,
  /** Before the order of the epoch under way was drawn. */
  epochRandom: randomState,
});

/** Where a run stands between two steps, beside parameters and optimizer. */
export type Progress = z.infer<typeof progressSchema>;

export interface Checkpoint {
  readonly saved: LearnedPrompt;
  readonly state: TrainingState;
  readonly progress: Progress;
}

/**
 * Where a run stands: at its last checkpoint, or at its end.
 * @throws RagError prompt/not-found, prompt/invalid, config/invalid when it was begun with other settings or pairs
 */
export async function loadCheckpoint(
  storeFolder: string,
  name: string,
  key: string,
): Promise<Checkpoint> {
  const { saved, state } = await loadTraining(storeFolder, name);
  if (!state) {
    throw new RagError(
      "prompt/invalid",
      `prompt "${name}": it has no training state to resume from; train it again without --resume.`,
    );
  }
  const source = `prompt "${name}": training/progress.json`;
  const progress = parseWith(progressSchema, state.progress, source, "prompt/invalid");
  if (progress.key === key) return { saved, state, progress };
  throw new RagError(
    "config/invalid",
    `prompt "${name}": it was begun with other settings or other pairs; use the same ones to resume, or another --name.`,
  );
}

/** Whether there is something that a run of this key goes on from; a checkpoint of another run is none. */
export async function isBegun(storeFolder: string, name: string, key: string): Promise<boolean> {
  try {
    await loadCheckpoint(storeFolder, name, key);
    return true;
  } catch (thrown) {
    if (!(thrown instanceof RagError) || !NOTHING_TO_RESUME.includes(thrown.code)) throw thrown;
    return false;
  }
}

const NOTHING_TO_RESUME: readonly string[] = [
  "prompt/not-found",
  "prompt/invalid",
  "config/invalid",
];
