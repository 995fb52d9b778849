import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Generator } from "../../generator/index.ts";
import {
  isTuningBegun,
  loadPrompt,
  parseTuneSettings,
  type Retrieve,
  type TuneEvent,
  tunePrompt,
} from "../../ptuning/index.ts";
import { openTinyGenerator, type TinyGenerator } from "./tiny-generator.ts";
import { foundPassage, tinyQa, tinyRetrieve } from "./tiny-pairs.ts";

const BASE = { tokens: 2, epochs: 2, batch: 4, patience: 9, checkpointSteps: 1 };

describe("a training that goes on", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  /** Trains; `stopAt`: until so many checkpoints are saved. */
  const tune = async (
    settings: object,
    run: {
      readonly generator?: Generator;
      readonly retrieve?: Retrieve;
      readonly stopAt?: number;
    } = {},
  ): Promise<TuneEvent[]> => {
    const { generator = tiny.generator, retrieve = tinyRetrieve, stopAt } = run;
    const abort = new AbortController();
    const events: TuneEvent[] = [];
    const parsed = parseTuneSettings({ ...BASE, ...settings }, "test");
    const parts = { qa: tinyQa, generator, retrieve, storeFolder: tiny.storeFolder };
    for await (const event of tunePrompt(parsed, { ...parts, signal: abort.signal })) {
      events.push(event);
      const saved = events.filter((one) => one.event === "checkpoint").length;
      if (saved === stopAt) abort.abort();
    }
    return events;
  };
  const stopped = (settings: object) =>
    assert.rejects(tune(settings, { stopAt: 1 }), { name: "AbortError" });

  test("leaves a finished prompt of its name in use until it has ended", async () => {
    await tune({ name: "kept" });
    const finished = await loadPrompt(tiny.storeFolder, "kept");
    await stopped({ name: "kept", seed: 2 });
    assert.deepEqual(await loadPrompt(tiny.storeFolder, "kept"), finished);
    await tune({ name: "kept", seed: 2, resume: true });
    const replaced = await loadPrompt(tiny.storeFolder, "kept");
    assert.equal(replaced.about.training.isFinished, true);
    await tune({ name: "whole", seed: 2 });
    assert.deepEqual(replaced.content, (await loadPrompt(tiny.storeFolder, "whole")).content);
  });

  test("is begun for its own settings alone", async () => {
    await stopped({ name: "begun" });
    const parts = { qa: tinyQa, storeFolder: tiny.storeFolder };
    const begun = (settings: object) =>
      isTuningBegun(parseTuneSettings({ ...BASE, ...settings }, "test"), parts);
    assert.equal(await begun({ name: "begun" }), true);
    assert.equal(await begun({ name: "begun", seed: 9 }), false);
    assert.equal(await begun({ name: "other" }), false);
  });

  test("is refused with another model, though its shape is the same", async () => {
    await stopped({ name: "model" });
    const weightsPath = join(tiny.modelFolder, "model.safetensors");
    const other = await Generator.open(
      { name: "other", folder: dirname(weightsPath), fingerprint: "b".repeat(64), weightsPath },
      { cacheFolder: tiny.folder, weights: "float32", threads: 1 },
    );
    try {
      await assert.rejects(tune({ name: "model", resume: true }, { generator: other }), {
        code: "prompt/mismatch",
        message: /trained for tiny .* the model in use is other/,
      });
    } finally {
      await other.close();
    }
  });

  test("is refused when other passages are found for its pairs", async () => {
    await stopped({ name: "passages" });
    const retrieve: Retrieve = async (questions, count) =>
      (await tinyRetrieve(questions, count)).map(([first]) => [
        foundPassage("lamps", `${first!.text} It was painted again.`),
      ]);
    await assert.rejects(tune({ name: "passages", resume: true }, { retrieve }), {
      code: "config/invalid",
      message: /other passages than when it was begun/,
    });
  });

  for (const method of ["p-tuning-v2", "full"]) {
    test(`of ${method} that has ended only says so again`, async () => {
      // The name has a finished prompt of another method already.
      const done = (await tune({ name: "ended", method })).at(-1);
      const record = join(tiny.storeFolder, "prompts", "ended", "foreword.json");
      const before = await readFile(record, "utf8");
      const again = await tune({ name: "ended", method, resume: true });
      assert.deepEqual(again.at(-1), done);
      assert.equal(again.filter(({ event }) => event === "step").length, 0);
      assert.equal(await readFile(record, "utf8"), before);
    });
  }
});
