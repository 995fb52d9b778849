import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { Generator } from "../../generator/index.ts";
import {
  BETWEEN_TEMPLATE,
  conditioningOf,
  generateAnswer,
  layOutPrompt,
  loadPrompt,
  PREFIX_TEMPLATE,
  parseTuneSettings,
  type QaFile,
  type Retrieve,
  type TuneEvent,
  templateOf,
  tunePrompt,
} from "../../ptuning/index.ts";
import { defaultCacheFolder } from "../../runtime/index.ts";
import { defaultModel } from "../default-model.ts";

const colours = ["red", "green", "blue", "white", "amber", "violet"];
const piers = ["Adder", "Birch", "Cob", "Dunnock", "Elder", "Fern", "Gull", "Heron", "Ibis"];
const pairs = piers.flatMap((pier, index) =>
  ["north", "south"].map((side, other) => ({
    id: `${pier}-${side}`,
    question: `What colour is the lamp at the ${side} end of ${pier} Pier?`,
    answers: [colours[(index * 2 + other) % colours.length]!],
    document: pier,
  })),
);
const qa: QaFile = { pairs, hash: "a".repeat(64), skipped: [], unanswerable: [] };
const passageFor = (question: string) => {
  const pair = pairs.find((one) => one.question === question)!;
  return {
    documentId: pair.id,
    source: "piers.jsonl",
    title: pair.document,
    text: `${question.slice(20, -1)} is lit at dusk; its glass is ${pair.answers[0]}.`,
  };
};
const retrieve: Retrieve = async (questions) => questions.map((question) => [passageFor(question)]);

describe("tuning a learned prompt on the real model", () => {
  let generator: Generator;
  let storeFolder: string;
  before(async () => {
    const cacheFolder = defaultCacheFolder(process.env, process.platform, homedir());
    generator = await Generator.open(await defaultModel("smollm2-135m-instruct"), { cacheFolder });
    storeFolder = await mkdtemp(join(tmpdir(), "foreword-tune-"));
  });
  after(async () => {
    await generator.close();
    await rm(storeFolder, { recursive: true, force: true });
  });

  const tune = async (
    settings: object,
    signal?: AbortSignal,
    onEvent?: (event: TuneEvent) => void,
  ) => {
    const events: TuneEvent[] = [];
    const parsed = parseTuneSettings(
      { name: "piers", tokens: 6, epochs: 2, batch: 4, warmupSteps: 1, devShare: 0.2, ...settings },
      "test",
    );
    for await (const event of tunePrompt(parsed, {
      qa,
      generator,
      retrieve,
      storeFolder,
      signal,
    })) {
      events.push(event);
      onEvent?.(event);
    }
    return events;
  };
  const only = <Name extends TuneEvent["event"]>(events: readonly TuneEvent[], name: Name) =>
    events.filter((one): one is TuneEvent & { event: Name } => one.event === name);
  const answer = (index: number, prompt?: Awaited<ReturnType<typeof loadPrompt>>) => {
    const { question } = pairs[index]!;
    const laidOut = layOutPrompt(generator.model, {
      question,
      passages: [passageFor(question)],
      ...(prompt ? { template: templateOf(prompt) } : {}),
      maxTokens: 1000,
    });
    const conditioning = prompt && conditioningOf(prompt);
    return generateAnswer(generator, laidOut, { conditioning, maxTokens: 12 });
  };

  test("p-tuning-v2 lowers the loss, saves the best prompt, and leaves the model as it was", async () => {
    const plain = await answer(0);
    const events = await tune({ epochs: 4, patience: 4 });
    const [prepared] = only(events, "prepared");
    assert.equal(prepared?.examples, 14);
    assert.equal(prepared.dev, 4);
    assert.equal(prepared.answersRetrieved, 14);
    // 30 layers × (keys + values) × 3 heads × 6 tokens × 64.
    assert.equal(prepared.trainableParameters, 30 * 2 * 3 * 6 * 64);
    const steps = only(events, "step");
    assert.equal(steps.length, 16);
    assert.ok(
      steps.at(-1)!.loss < steps[0]!.loss / 2,
      `${steps[0]!.loss} to ${steps.at(-1)!.loss}`,
    );
    assert.equal(steps[0]!.learningRate, 4e-2);
    assert.ok(steps.at(-1)!.learningRate < 4e-2 / 10);
    const [done] = only(events, "done");
    assert.equal(events.at(-1), done);
    const best = Math.max(...only(events, "dev").map(({ f1 }) => f1));
    assert.equal(done?.dev?.f1, best);
    const saved = await loadPrompt(storeFolder, "piers");
    assert.equal(saved.about.training.isFinished, true);
    assert.equal(saved.about.training.dev?.f1, best);
    assert.ok(best >= 75, `held-out F1 ${best}`);
    assert.ok((await answer(0, saved)).length < plain.length);
    assert.equal(await answer(0), plain);
  });

  test("the same seed gives the same prompt, another seed another", async () => {
    const runs = [];
    for (const [name, seed] of [
      ["one", 5],
      ["two", 5],
      ["three", 6],
    ] as const) {
      await tune({ name, seed, epochs: 1 });
      runs.push((await loadPrompt(storeFolder, name)).content);
    }
    assert.deepEqual(runs[0], runs[1]);
    assert.notDeepEqual(runs[0], runs[2]);
  });

  test("a run that was interrupted and resumed ends with the same prompt as one that was not", async () => {
    for (const method of [{ method: "p-tuning-v2" }, { method: "p-tuning", encoder: "mlp" }]) {
      const [whole, parts] = [`whole-${method.method}`, `parts-${method.method}`];
      await tune({ ...method, name: whole, epochs: 3, patience: 3 });
      const abort = new AbortController();
      const interrupted = tune(
        { ...method, name: parts, epochs: 3, patience: 3 },
        abort.signal,
        (event) => {
          if (event.event === "step" && event.epoch === 3) abort.abort();
        },
      );
      await assert.rejects(interrupted, { name: "AbortError" });
      assert.equal((await loadPrompt(storeFolder, parts)).about.training.isFinished, false);
      await tune({ ...method, name: parts, epochs: 3, patience: 3, resume: true });
      const expected = await loadPrompt(storeFolder, whole);
      const resumed = await loadPrompt(storeFolder, parts);
      assert.deepEqual(resumed.content, expected.content);
      assert.deepEqual(resumed.about.training.lossCurve, expected.about.training.lossCurve);
    }
  });

  for (const [encoder, parameters] of [
    ["embedding", 6 * 576],
    ["mlp", 6 * 576 + 576 * 32 + 32 + 32 * 32 + 32 + 32 * 576 + 576],
    ["lstm", undefined],
  ] as const) {
    test(`p-tuning with the ${encoder} encoder learns`, async () => {
      const events = await tune({
        method: "p-tuning",
        encoder,
        encoderHiddenSize: 32,
        epochs: 3,
        patience: 3,
        learningRate: encoder === "embedding" ? 2e-2 : 3e-3,
      });
      const [prepared] = only(events, "prepared");
      if (parameters) assert.equal(prepared?.trainableParameters, parameters);
      const losses = only(events, "step").map(({ loss }) => loss);
      assert.ok(losses.at(-1)! < losses[0]!, losses.join(" "));
      const saved = await loadPrompt(storeFolder, "piers");
      assert.ok("virtualTokens" in saved.content);
      assert.equal(saved.content.virtualTokens.length, 6 * 576);
    });
  }

  test("in the classic order the virtual tokens stand in front of the passages, in training and answers", async () => {
    const { question } = pairs[0]!;
    const layOut = (template: string) =>
      layOutPrompt(generator.model, {
        question,
        passages: [passageFor(question)],
        template,
        maxTokens: 1000,
      });
    const [between, prefix] = [layOut(BETWEEN_TEMPLATE), layOut(PREFIX_TEMPLATE)];
    assert.deepEqual([...prefix.prefixIds, ...prefix.ids], [...between.prefixIds, ...between.ids]);
    assert.ok(prefix.prefixIds.length < between.prefixIds.length);
    const losses = only(await tune({ placement: "prefix", epochs: 3, patience: 3 }), "step").map(
      ({ loss }) => loss,
    );
    assert.ok(losses.at(-1)! < losses[0]!, losses.join(" "));
    const saved = await loadPrompt(storeFolder, "piers");
    assert.equal(saved.about.placement, "prefix");
    assert.match(saved.about.template, /user: \{virtual tokens\}\[\{n\}\]/);
  });

  test("it stops early when the held-out score no longer rises", async () => {
    const events = await tune({ epochs: 9, patience: 1, learningRate: 1e-9 });
    const gains = only(events, "dev").map(({ best }) => best);
    assert.ok(gains.length < 9);
    assert.equal(gains.indexOf(false), gains.length - 1);
    assert.equal(only(events, "done")[0]?.stoppedEarly, true);
  });

  const refused: readonly (readonly [
    what: string,
    settings: object,
    code: string,
    message: RegExp,
  ])[] = [
    [
      "a projection that the model does not have",
      { method: "lora", targets: ["c_attn"] },
      "config/invalid",
      /LoRA target "c_attn".*q_proj/,
    ],
    ["a name that is no file name", { name: "../x" }, "config/invalid", /name/],
    [
      "resuming with other settings",
      { epochs: 9, resume: true },
      "config/invalid",
      /begun with other settings/,
    ],
  ];
  for (const [what, settings, code, message] of refused) {
    test(`${what} is refused`, async () => {
      await assert.rejects(tune(settings), { code, message });
    });
  }

  test("pairs for which nothing is retrieved are refused with what to do", async () => {
    const settings = parseTuneSettings({ name: "empty" }, "test");
    const nothing: Retrieve = async (questions) => questions.map(() => []);
    const run = tunePrompt(settings, { qa, generator, retrieve: nothing, storeFolder });
    await assert.rejects(
      async () => {
        for await (const _ of run);
      },
      { code: "qa/invalid", message: /ingest the documents they are about first/ },
    );
  });
});
