import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Conditioning, type Generator, GREEDY, saveModel } from "../../generator/index.ts";
import {
  conditioningOf,
  exportPrompt,
  loadPrompt,
  parseTuneSettings,
  tunePrompt,
} from "../../ptuning/index.ts";
import { openTinyGenerator } from "../ptuning/tiny-generator.ts";
import { tinyQa, tinyRetrieve } from "../ptuning/tiny-pairs.ts";

/**
 * Trains a prompt of every method that PEFT knows on a tiny model, exports it, and records the scores that Foreword computes with it:
 * `node --import tsx test/clients/write-prompts.ts OUT [FAMILY]`. Then OUT/model and the other folders go to peft-loads-prompt.py.
 */
const [out = "prompts-for-peft", family = "llama-tied"] = process.argv.slice(2);
const tiny = await openTinyGenerator(family);
const common = { tokens: 4, epochs: 2, patience: 2, limit: 8, learningRate: 0.02, warmupSteps: 1 };
const methods: Readonly<Record<string, object>> = {
  "p-tuning-mlp": { method: "p-tuning", placement: "prefix" },
  "p-tuning-lstm": { method: "p-tuning", encoder: "lstm", placement: "prefix" },
  "prompt-tuning": { method: "prompt-tuning", placement: "prefix" },
  "prefix-tuning": { method: "prefix-tuning" },
  "prefix-projection": { method: "prefix-tuning", projection: true },
  lora: { method: "lora", rank: 4, alpha: 8, targets: ["all-linear"] },
  full: { method: "full", learningRate: 1e-3 },
};
const ids = Array.from({ length: 20 }, (_, i) => 3 + ((i * 29) % 90));
const { generator, storeFolder } = tiny;
try {
  await mkdir(resolve(out), { recursive: true });
  await saveModel(generator.model, await generator.trainableWeights(), resolve(out, "model"));
  for (const [name, settings] of Object.entries(methods)) {
    const parsed = parseTuneSettings({ name, ...common, ...settings }, name);
    const parts = { qa: tinyQa, generator, retrieve: tinyRetrieve, storeFolder };
    for await (const _ of tunePrompt(parsed, parts));
    const prompt = await loadPrompt(storeFolder, name);
    const formats = name === "lora" ? (["peft", "merged"] as const) : (["peft"] as const);
    for (const format of name === "full" ? (["merged"] as const) : formats) {
      const folder = resolve(out, format === "merged" ? `${name}-merged` : name);
      await exportPrompt(prompt, { format, out: folder, generator: async () => generator });
      const expected = { ids, ...(await answers(generator, conditioningOf(prompt))) };
      await writeFile(join(folder, "expected.json"), JSON.stringify(expected));
    }
  }
} finally {
  await tiny.close();
}

/** Greedy tokens after `ids`, and how likely each was. */
async function answers(one: Generator, conditioning: Conditioning) {
  const tokens: number[] = [];
  const logProbabilities: number[] = [];
  const request = { prefixIds: [], ids, maxTokens: 8, stopIds: [], sampling: GREEDY };
  for await (const token of one.generate({ ...request, conditioning, logProbabilities: true })) {
    tokens.push(token.id);
    logProbabilities.push(token.logProbability!);
  }
  return { tokens, logProbabilities };
}
