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
    `prompt "${name}": it was begun with other settings or other pairs; use the same ones to resume, train it anew without --resume, or take another --name.`,
  );
}

/** What is saved of a prompt and cannot be resumed: it is damaged, or of another run. */
export const UNRESUMABLE = ["prompt/invalid", "config/invalid"] as const;
export type Unresumable = (typeof UNRESUMABLE)[number];

/** What a run to be resumed finds: where it stands, or why it begins anew, which is null where nothing is saved. */
export type Found =
  | { readonly progress: Progress }
  | { readonly progress: undefined; readonly problem: string | null };

/**
 * Looks for what a run of this key goes on from. `anewAt`: what is begun anew instead of refused.
 * @throws RagError as {@link loadCheckpoint} for what is not in `anewAt`
 */
export async function findCheckpoint(
  storeFolder: string,
  name: string,
  run: { readonly key: string; readonly anewAt: readonly Unresumable[] },
): Promise<Found> {
  try {
    const { progress } = await loadCheckpoint(storeFolder, name, run.key);
    return { progress };
  } catch (thrown) {
    if (!(thrown instanceof RagError)) throw thrown;
    const { code, message } = thrown;
    if (code === "prompt/not-found") return { progress: undefined, problem: null };
    if (!run.anewAt.some((one) => one === code)) throw thrown;
    return { progress: undefined, problem: message };
  }
}
