import { join } from "node:path";
import type { TuneEvent, TuneSettings } from "../../ptuning/index.ts";
import type { TrainedResult } from "./cell-store.ts";
import { type TrainingCell, trainingName } from "./cells.ts";
import type { CompareEvent } from "./compare-events.ts";
import { drawnPairs } from "./comparison-data.ts";
import type { ComparisonParts } from "./comparison-parts.ts";
import { armSettings, trainArm } from "./train-arm.ts";

/** A prompt that an arm trained, where it is, and what it cost. */
export interface TrainedPromptOf {
  readonly result: TrainedResult;
  readonly prompt: string;
  readonly storeFolder: string;
}

/** What an arm trained, from an earlier run or now. `inputs`: what a result depends on beside the cell. */
export async function* trainCell(
  cell: TrainingCell,
  inputs: readonly string[],
  parts: ComparisonParts,
): AsyncGenerator<CompareEvent, TrainedPromptOf> {
  const { experiment, outFolder, store, model } = parts;
  const passages = experiment.passages[0]!;
  const settings = armSettings(cell, passages);
  const name = trainingName(cell, settings, inputs);
  const prompt = `${cell.arm.name.slice(0, 30)}-${name.slice(-12)}`;
  const storeFolder = join(outFolder, "trained", cell.dataset.name);
  const known = await store.loadTrained(name);
  if (known) return { result: known, prompt, storeFolder };
  yield { event: "training", arm: cell.arm.name, dataset: cell.dataset.name };
  await model.close();
  const result = yield* trainNow(
    cell,
    { settings: { ...settings, name: prompt }, storeFolder },
    parts,
  );
  await store.save(name, result);
  return { result, prompt, storeFolder };
}

async function* trainNow(
  { dataset }: TrainingCell,
  run: { readonly settings: TuneSettings; readonly storeFolder: string },
  { data, model, outFolder, signal }: ComparisonParts,
): AsyncGenerator<CompareEvent, TrainedResult> {
  const { train: qa } = await data.dataset(dataset);
  const events: TuneEvent[] = [];
  const work = trainArm(run.settings, {
    qa: drawnPairs(qa, dataset),
    generator: await model.open(),
    retrieve: (questions, count) => data.passages(dataset, questions, count),
    storeFolder: run.storeFolder,
    passageFolder: passageFolder(outFolder, dataset.name),
    onEvent: (event) => events.push(event),
    signal,
  });
  let isDone = false;
  const settled = work.finally(() => {
    isDone = true;
  });
  settled.catch(() => undefined);
  while (!isDone) {
    await Promise.race([settled.catch(() => undefined), pause()]);
    for (const of of events.splice(0)) yield { event: "progress", of };
  }
  return settled;
}

/** Keys and values of passages that the trainings of a dataset share. */
export const passageFolder = (outFolder: string, dataset: string): string =>
  join(outFolder, "passages", dataset);

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 200));
