import assert from "node:assert/strict";
import { readFile, truncate } from "node:fs/promises";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Generator } from "../../generator/index.ts";
import {
  loadPrompt,
  type PromptRecord,
  parseTuneSettings,
  type Retrieve,
  type TuneEvent,
  type TuneParts,
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

  /** Trains; `stopAt`: until that event. */
  const tune = async (
    settings: object,
    run: {
      readonly generator?: Generator;
      readonly retrieve?: Retrieve;
      readonly stopAt?: (event: TuneEvent) => boolean;
      readonly anewAt?: TuneParts["anewAt"];
    } = {},
  ): Promise<TuneEvent[]> => {
    const { generator = tiny.generator, retrieve = tinyRetrieve, stopAt, anewAt = [] } = run;
    const abort = new AbortController();
    const events: TuneEvent[] = [];
    const parsed = parseTuneSettings({ ...BASE, ...settings }, "test");
    const parts = { qa: tinyQa, generator, retrieve, storeFolder: tiny.storeFolder, anewAt };
    for await (const event of tunePrompt(parsed, { ...parts, signal: abort.signal })) {
      events.push(event);
      if (stopAt?.(event)) abort.abort();
    }
    return events;
  };
  const stopped = (settings: object, stopAt = ({ event }: TuneEvent) => event === "checkpoint") =>
    assert.rejects(tune(settings, { stopAt }), { name: "AbortError" });
  const contentOf = async (name: string) => (await loadPrompt(tiny.storeFolder, name)).content;
  /** What a finished prompt says of itself; the checksums without that of the seconds it took. */
  const recordOf = async (name: string): Promise<PromptRecord> => {
    const text = await readFile(join(tiny.storeFolder, "prompts", name, "foreword.json"), "utf8");
    const record: PromptRecord = JSON.parse(text);
    const { "training/progress.json": progress, ...files } = record.files;
    assert.ok(progress && Object.keys(files).length > 0);
    return { ...record, files };
  };
  const problems = (events: readonly TuneEvent[]) =>
    events.flatMap((event) => (event.event === "anew" ? [event.problem] : []));

  test("leaves a finished prompt of its name in use until it has ended", async () => {
    await tune({ name: "kept" });
    const finished = await loadPrompt(tiny.storeFolder, "kept");
    await stopped({ name: "kept", seed: 2 });
    assert.deepEqual(await loadPrompt(tiny.storeFolder, "kept"), finished);
    await tune({ name: "kept", seed: 2, resume: true });
    const replaced = await loadPrompt(tiny.storeFolder, "kept");
    assert.equal(replaced.about.training.isFinished, true);
    await tune({ name: "whole", seed: 2 });
    assert.deepEqual(replaced.content, await contentOf("whole"));
  });

  test("begins anew where it was broken off before its first checkpoint, says so, and gives the same prompt", async () => {
    const late = { name: "early", checkpointSteps: 99 };
    await stopped(late, ({ event }) => event === "step");
    const [first, ...others] = await tune({ ...late, resume: true });
    assert.deepEqual(first, { event: "anew", prompt: "early", problem: null });
    assert.deepEqual(problems(others), []);
    await tune({ name: "unbroken" });
    assert.deepEqual(await contentOf("early"), await contentOf("unbroken"));
  });

  test("of other settings is refused, or begins anew with a word where nobody can be asked", async () => {
    await stopped({ name: "other" });
    const changed = { name: "other", seed: 9, resume: true };
    const message = /"other": it was begun with other settings/;
    await assert.rejects(tune(changed), { code: "config/invalid", message });
    await stopped({ name: "other", resume: true });
    const [problem] = problems(await tune(changed, { anewAt: ["config/invalid"] }));
    assert.match(problem!, message);
  });

  test("from a damaged checkpoint is refused, or begins anew with a word where nobody can be asked", async () => {
    await stopped({ name: "damaged" });
    const state = join(tiny.storeFolder, "training", "damaged", "training", "state.safetensors");
    await truncate(state, 100);
    const resumed = { name: "damaged", resume: true };
    const message = /"damaged": training\/state\.safetensors is damaged/;
    await assert.rejects(tune(resumed), { code: "prompt/invalid", message });
    const events = await tune(resumed, { anewAt: ["prompt/invalid"] });
    assert.match(problems(events)[0]!, message);
    assert.equal(events.at(-1)?.event, "done");
  });

  test("with several seeds begins only the damaged one anew, and says nothing of those that are not begun", async () => {
    const seeds = { name: "seeds", seeds: 3 };
    let isFirstDone = false;
    await stopped(seeds, ({ event }) => {
      isFirstDone ||= event === "seed";
      return isFirstDone && event === "checkpoint";
    });
    await assert.rejects(tune({ ...seeds, epochs: 1, resume: true }), { code: "config/invalid" });
    await truncate(
      join(tiny.storeFolder, "prompts", "seeds.seed-1", "deep_tokens.safetensors"),
      100,
    );
    const events = await tune({ ...seeds, resume: true });
    const [problem, ...more] = problems(events);
    assert.match(problem!, /"seeds\.seed-1": deep_tokens\.safetensors is damaged/);
    assert.deepEqual(more, []);
    const steps = events.filter(({ event }) => event === "step").length;
    const perSeed = 2 * Math.ceil(22 / 4);
    assert.equal(steps, 3 * perSeed - 1, "the second seed had made a step");
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

  const kinds: Readonly<Record<string, object>> = {
    "p-tuning-v2": { method: "p-tuning-v2", randomTokens: true },
    "p-tuning with an embedding": { method: "p-tuning", encoder: "embedding" },
    "p-tuning with an MLP": { method: "p-tuning", encoder: "mlp", encoderHiddenSize: 8 },
    "p-tuning with an LSTM": { method: "p-tuning", encoder: "lstm", encoderHiddenSize: 8 },
    "prompt-tuning": { method: "prompt-tuning", initialise: "vocabulary", accumulate: 2, batch: 4 },
    "prefix-tuning": { method: "prefix-tuning", randomTokens: true },
    "prefix-tuning with a projection": {
      ...{ method: "prefix-tuning", projection: true, encoderHiddenSize: 8 },
    },
    lora: { method: "lora", rank: 2, targets: ["all-linear"], weightDecay: 0.01 },
    full: { method: "full", devShare: 0 }, // its last weights are saved, and no state with them
  };
  for (const [index, [kind, settings]] of Object.entries(kinds).entries()) {
    test(`of ${kind} ends with the bytes of one that was not broken off`, async () => {
      // Three steps an epoch: the last checkpoint is of step 4, of a whole model of step 3.
      const same = { batch: 8, checkpointSteps: 2, warmupSteps: 2, ...settings };
      const [whole, broken] = [`whole-${index}`, `broken-${index}`];
      await tune({ ...same, name: whole });
      await stopped(
        { ...same, name: broken },
        (event) => event.event === "step" && event.step === 5,
      );
      const events = await tune({ ...same, name: broken, resume: true });
      const steps = events.flatMap((event) => (event.event === "step" ? [event.step] : []));
      assert.deepEqual(steps, kind === "full" ? [4, 5, 6] : [5, 6]);
      const [expected, resumed] = [await recordOf(whole), await recordOf(broken)];
      assert.deepEqual(resumed.files, expected.files);
      assert.deepEqual(resumed.training.lossCurve, expected.training.lossCurve);
      assert.deepEqual(resumed.training.devCurve, expected.training.devCurve);
    });
  }

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
