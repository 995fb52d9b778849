import assert from "node:assert/strict";
import { truncate } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { TrainingCell } from "../../pipeline/compare/cells.ts";
import { armSettings, trainArm } from "../../pipeline/compare/train-arm.ts";
import type { TuneEvent } from "../../ptuning/index.ts";
import { openTinyGenerator } from "../ptuning/tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "../ptuning/tiny-pairs.ts";

const cell: TrainingCell = {
  dataset: { name: "lamps", train: "train.jsonl", test: "test.jsonl" },
  arm: {
    ...{ kind: "tune", name: "deep" },
    settings: { tokens: 2, epochs: 1, batch: 4, checkpointSteps: 1 },
  },
  seed: 1,
};

test("a comparison begins an arm anew whose checkpoint is damaged, and tells which", async (t) => {
  const { generator, storeFolder, folder, close } = await openTinyGenerator();
  t.after(close);
  /** Trains; `isBrokenOff`: until the first checkpoint. */
  const train = async (isBrokenOff: boolean) => {
    const abort = new AbortController();
    const events: TuneEvent[] = [];
    const ended = trainArm(armSettings(cell, 1), {
      ...{ qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder },
      ...{ passageFolder: join(folder, "passages"), signal: abort.signal },
      onEvent: (event) => {
        events.push(event);
        if (isBrokenOff && event.event === "checkpoint") abort.abort();
      },
    });
    if (isBrokenOff) await assert.rejects(ended, { name: "AbortError" });
    else assert.equal((await ended).steps, 6);
    return events.flatMap((event) => (event.event === "anew" ? [event.problem] : []));
  };
  assert.deepEqual(await train(true), [], "at first there is nothing to tell");
  assert.deepEqual(await train(true), [], "a sound checkpoint is gone on from");
  await truncate(join(storeFolder, "training/deep/training/state.safetensors"), 100);
  const [problem, ...more] = await train(false);
  assert.match(problem!, /"deep": training\/state\.safetensors is damaged/);
  assert.deepEqual(more, []);
});
