import { z } from "zod";
import { RagError } from "../core/index.ts";
import { baseModelOf } from "./model-description.ts";
import { checkPromptFits } from "./prompt-record.ts";
import { hasPrompt, loadTraining, removePrompt } from "./prompt-store.ts";
import { reportedLoss } from "./training/reported-loss.ts";
import type { TuneEvent } from "./training/tune-events.ts";
import { keyOf, type TuneParts } from "./tune.ts";
import type { TuneSettings } from "./tune-settings.ts";

type Done = TuneEvent & { readonly event: "done" };
type SeedParts = Pick<TuneParts, "qa" | "storeFolder" | "generator">;

/** What the run of one seed is called until the best is known. */
export const seedName = (name: string, seed: number): string => `${name.slice(0, 50)}.seed-${seed}`;

/** Every name that a training saves prompts under. */
export const trainedNames = (settings: TuneSettings): ReadonlySet<string> =>
  new Set([
    settings.name,
    ...(settings.seeds > 1 ? seedRuns(settings).map(({ name }) => name) : []),
  ]);

/**
 * Refuses to train where a seed's run would replace a prompt that is none of it.
 * @throws RagError config/invalid naming that prompt
 */
export async function requireOwnNames(settings: TuneSettings, parts: SeedParts): Promise<void> {
  for (const run of seedRuns(settings)) {
    if ((await keptUnder(run, parts)) !== "another") continue;
    throw new RagError(
      "config/invalid",
      `prompt "${run.name}": seed ${run.seed} of "${settings.name}" is trained under this name, which belongs to a prompt of other settings or pairs; remove that (foreword prompts rm ${run.name}), or take another --name.`,
      { param: "name" },
    );
  }
}

/**
 * What a run over several seeds told last, where it has ended and its best prompt has the name asked for. Removes what it left, had it been
 * killed then.
 * @throws RagError prompt/invalid, prompt/mismatch, config/invalid when it was the best of another number of seeds
 */
export async function endedRun(
  settings: TuneSettings,
  parts: SeedParts,
): Promise<Done | undefined> {
  const { name } = settings;
  if (!hasPrompt(parts.storeFolder, name)) return undefined;
  const { saved, state } = await loadTraining(parts.storeFolder, name);
  const { training } = saved.about;
  const { seed, seeds = settings.seeds } = training;
  const best = { ...settings, name: seedName(name, seed), seed };
  const progress = progressSchema.safeParse(state?.progress).data;
  if (progress?.key !== keyOf(best, parts.qa.hash)) return undefined;
  if (seeds !== settings.seeds) throw otherSeeds(settings, seeds);
  checkPromptFits(saved, baseModelOf(parts.generator.model));
  for (const run of seedRuns(settings)) {
    if ((await keptUnder(run, parts)) === "this") await removePrompt(parts.storeFolder, run.name);
  }
  return {
    event: "done",
    prompt: name,
    steps: training.steps,
    seconds: training.seconds,
    trainLoss: reportedLoss(training.lossCurve),
    dev: training.dev,
    trainableParameters: training.trainableParameters ?? 0,
    stoppedEarly: progress.epoch < settings.epochs,
    seed,
  };
}

const progressSchema = z.object({ key: z.string(), epoch: z.int() });

/** The settings of each seed's run. */
const seedRuns = (settings: TuneSettings): readonly TuneSettings[] =>
  Array.from({ length: settings.seeds }, (_, index) => {
    const seed = settings.seed + index;
    return { ...settings, name: seedName(settings.name, seed), seed };
  });

/** Whose prompt has the name of a run; one that is damaged is nobody's any more. */
async function keptUnder(
  run: TuneSettings,
  { storeFolder, qa }: SeedParts,
): Promise<"this" | "another" | "nobody"> {
  if (!hasPrompt(storeFolder, run.name)) return "nobody";
  try {
    const { state } = await loadTraining(storeFolder, run.name);
    const key = progressSchema.safeParse(state?.progress).data?.key;
    return key === keyOf(run, qa.hash) ? "this" : "another";
  } catch (thrown) {
    if (thrown instanceof RagError && thrown.code === "prompt/invalid") return "nobody";
    throw thrown;
  }
}

const otherSeeds = ({ name, seeds: asked }: TuneSettings, seeds: number): RagError =>
  new RagError(
    "config/invalid",
    `prompt "${name}": its training has ended as the best of ${seeds} seeds, of which the others are gone, and cannot go on with ${asked}; train it anew without --resume, or take another --name.`,
    { param: "seeds" },
  );
