import { rm } from "node:fs/promises";
import { checkPromptName } from "./prompt-record.ts";
import { passageFolderPath, removePrompt, renamePrompt } from "./prompt-store.ts";
import { endedRun, requireOwnNames, seedName, trainedNames } from "./seed-runs.ts";
import { lockTraining } from "./training/training-lock.ts";
import type { TuneEvent } from "./training/tune-events.ts";
import { withoutTooLong } from "./training/tuning-data.ts";
import { type TuneParts, tuneOnce } from "./tune.ts";
import type { TuneSettings } from "./tune-settings.ts";

type Done = TuneEvent & { readonly event: "done" };

/**
 * Trains a prompt; with several seeds one after the other under names of their own, of which the best on held-out pairs takes the
 * name asked for. A resumed run skips seeds that are finished; one that is damaged is trained anew. Passages kept on disk go when all of it is
 * done: a run that was interrupted finds them again. Pairs that are too long are left out and told of. A run over seeds that has ended says so again when
 * it is resumed, with the time that its best one took. Two trainings of a name do not run at a time.
 * @throws RagError as {@link tuneOnce}; config/invalid where a seed's name belongs to another prompt; file/locked while another training of one
 * of its names runs; file/write-failed
 */
export async function* tunePrompt(
  settings: TuneSettings,
  parts: TuneParts,
): AsyncGenerator<TuneEvent, void> {
  checkPromptName(settings.name);
  const own = passageFolderPath(parts.storeFolder, settings.name);
  const release = await lockTraining(parts.storeFolder, trainedNames(settings));
  try {
    const { qa, skipped } = withoutTooLong(settings, parts.generator, parts.qa);
    if (skipped) yield { event: "skipped", ...skipped };
    yield* trainSeeds(settings, { ...parts, qa, passageFolder: parts.passageFolder ?? own });
    await rm(own, { recursive: true, force: true });
  } finally {
    await release();
  }
}

async function* trainSeeds(
  settings: TuneSettings,
  parts: Parameters<typeof tuneOnce>[1],
): AsyncGenerator<TuneEvent, void> {
  if (settings.seeds === 1) return yield* tuneOnce(settings, parts);
  const ended = settings.resume ? await endedRun(settings, parts) : undefined;
  if (ended) return yield ended;
  await requireOwnNames(settings, parts);
  const results: Done[] = [];
  for (let index = 0; index < settings.seeds; index++) {
    const seed = settings.seed + index;
    const name = seedName(settings.name, seed);
    const own = { ...settings, name, seed };
    // Refused, it would have to be trained without --resume, and the other seeds with it.
    const anewAt = ["prompt/invalid" as const, ...(parts.anewAt ?? [])];
    let done: Done | undefined;
    for await (const event of tuneOnce(own, { ...parts, anewAt })) {
      // That later seeds are not begun is as it should be.
      const isExpected = event.event === "anew" && event.problem === null && index > 0;
      if (event.event === "done") done = event;
      else if (!isExpected) yield event;
    }
    results.push(done!);
    yield { event: "seed", seed, dev: done!.dev };
  }
  const best = results.reduce((a, b) => ((b.dev?.f1 ?? 0) > (a.dev?.f1 ?? 0) ? b : a));
  // First, so that a run killed between the two has ended.
  await renamePrompt(parts.storeFolder, best.prompt, settings.name);
  for (const { prompt } of results) {
    if (prompt !== best.prompt) await removePrompt(parts.storeFolder, prompt);
  }
  const seconds = results.reduce((sum, one) => sum + one.seconds, 0);
  yield { ...best, prompt: settings.name, seconds };
}
