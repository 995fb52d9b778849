import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Generator } from "../../generator/index.ts";
import { compare } from "../../pipeline/compare/compare.ts";
import { learnedArm, plainRag } from "../../pipeline/evaluation/arms.ts";
import { evaluate } from "../../pipeline/evaluation/evaluate.ts";
import { loadPrompt, parseTuneSettings, type QaPair, tunePrompt } from "../../ptuning/index.ts";
import { openTinyGenerator, reopenTiny, type TinyGenerator } from "../ptuning/tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "../ptuning/tiny-pairs.ts";

const inputs: readonly QaPair[] = tinyQa.pairs.map((pair) => ({ ...pair, task: "input" }));
const SETTINGS = { method: "prompt-tuning", tokens: 2, epochs: 1, maxAnswerTokens: 40 };

describe("how long answers that are scored may be", () => {
  let tiny: TinyGenerator;
  before(async () => {
    tiny = await openTinyGenerator();
  });
  after(() => tiny.close());

  /** The lengths that answers are asked for with, from now on. */
  const watchLengths = (context: TestContext, generator: Generator) => {
    const lengths: number[] = [];
    const generate = generator.generate.bind(generator);
    const watched: typeof generate = (request, signal) => {
      lengths.push(request.maxTokens);
      return generate(request, signal);
    };
    context.mock.method(generator, "generate", watched);
    return lengths;
  };
  const tune = async (name: string, pairs: readonly QaPair[]) => {
    const { generator, storeFolder } = tiny;
    const parts = { qa: { ...tinyQa, pairs }, generator, retrieve: tinyRetrieve, storeFolder };
    for await (const _ of tunePrompt(parseTuneSettings({ ...SETTINGS, name }, "test"), parts));
    return loadPrompt(storeFolder, name);
  };

  for (const [what, pairs, wanted] of [
    ["inputs are answered as long as the prompt has learned", inputs, 40],
    ["questions are answered shortly, however long the prompt has learned", tinyQa.pairs, 32],
  ] as const) {
    test(`${what}: held out and by every arm`, async (context) => {
      const lengths = watchLengths(context, tiny.generator);
      const prompt = await tune(`prompt-${wanted}`, pairs);
      const heldOut = lengths.splice(0);
      assert.ok(heldOut.length > 0);
      const found = await tinyRetrieve(
        tinyQa.pairs.slice(0, 3).map(({ question }) => question),
        1,
      );
      await evaluate({
        generator: tiny.generator,
        arms: [plainRag, learnedArm(prompt)],
        pairs: pairs.slice(0, 3),
        found: found.map((one) => one.map((passage) => ({ ...passage, ...PLACE }))),
        ...{ k: 1, seed: 1 },
      });
      assert.equal(lengths.length, 2 * 3);
      assert.deepEqual(new Set([...heldOut, ...lengths]), new Set([wanted]));
    });
  }

  test("a comparison answers inputs as long as the longest of its prompts, each prompt as it has learned", async (context) => {
    const lines = inputs.map(({ id, question, answers }) =>
      JSON.stringify({ id, input: question, output: answers[0] }),
    );
    await writeFile(join(tiny.folder, "inputs.jsonl"), lines.join("\n"));
    const lengths: number[][] = [];
    const events = compare({
      experiment: {
        name: "e",
        datasets: [{ name: "d", train: "inputs.jsonl", test: "inputs.jsonl", testLimit: 2 }],
        arms: [
          { kind: "rag", name: "rag" },
          { kind: "tune", name: "short", settings: { ...SETTINGS, devShare: 0 } },
          {
            kind: "tune",
            name: "long",
            settings: { ...SETTINGS, devShare: 0, maxAnswerTokens: 50 },
          },
        ],
        passages: [1],
        tokens: ["all"],
        seeds: [1],
      },
      outFolder: join(tiny.folder, "out"),
      dataFolder: tiny.folder,
      openGenerator: async () => {
        const path = join(tiny.modelFolder, "model.safetensors");
        const generator = await reopenTiny(path, tiny.folder);
        lengths.push(watchLengths(context, generator));
        return generator;
      },
      retrieve: async () => [],
      modelSettings: {},
      requireStore: async () => {},
      retrievalOf: async () => "none",
      signal: new AbortController().signal,
    });
    for await (const _ of events);
    assert.deepEqual(
      lengths.flat().sort((a, b) => a - b),
      [40, 40, 50, 50, 50, 50],
    );
  });
});

const PLACE = { id: 1, heading: [], start: 0, end: 10, score: 1 };
