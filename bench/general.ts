import assert from "node:assert/strict";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Generator } from "../generator/index.ts";
import { bootstrap, type Interval } from "../pipeline/evaluation/intervals.ts";
import {
  answerTogether,
  answerWords,
  conditioningOf,
  generateAnswer,
  layOutPrompt,
  type QaPair,
  readQaFile,
  scoreAnswer,
} from "../ptuning/index.ts";
import { saveResult } from "./save-result.ts";
import { storeWorkspace } from "./store-workspace.ts";

/**
 * What a learned prompt does to what the model knows by itself: general questions without any passage, asked of the bare model, and with
 * the virtual tokens put in front of the question all the same. Foreword itself leaves them out where there are no passages.
 * `tsx bench/general.ts --store DIR --prompt NAME [--prompt NAME] [--qa FILE] [--save]`
 */
const MAX_TOKENS = 32;
const { values } = parseArgs({
  options: {
    store: { type: "string", default: "demo/.foreword" },
    prompt: { type: "string", multiple: true, default: ["demo"] },
    qa: { type: "string", default: join(import.meta.dirname, "general.jsonl") },
    save: { type: "boolean", default: false },
  },
});
const workspace = storeWorkspace(values.store);

/** Greedy answers without passages; with the virtual tokens of a prompt where one is named. */
async function answersOf(
  generator: Generator,
  pairs: readonly QaPair[],
  promptName?: string,
): Promise<readonly string[]> {
  const learned = promptName && (await workspace.choosePrompt(promptName));
  const conditioning = learned ? conditioningOf(learned) : undefined;
  return answerTogether(pairs, ({ question }) => {
    const room = generator.contextLength - MAX_TOKENS - (conditioning?.count ?? 0);
    const prompt = layOutPrompt(generator.model, { question, passages: [], maxTokens: room });
    assert.equal(prompt.takesPrompt, false, "without passages a prompt is not used");
    const forced = { ...prompt, takesPrompt: true };
    return generateAnswer(generator, forced, { conditioning, maxTokens: MAX_TOKENS });
  });
}

/** 100 where the words of an accepted answer stand in it one after the other. */
function containsAnswer(answer: string, { answers }: QaPair): number {
  const spaced = (text: string) => ` ${answerWords(text).join(" ")} `;
  return answers.some((accepted) => spaced(answer).includes(spaced(accepted))) ? 100 : 0;
}

try {
  const { pairs } = await readQaFile(values.qa);
  const generator = await workspace.generator();
  const answered = new Map([["off", await answersOf(generator, pairs)]]);
  for (const name of values.prompt) answered.set(name, await answersOf(generator, pairs, name));
  const measure = (score: (answer: string, pair: QaPair) => number) => {
    const arms = [...answered].map(
      ([name, answers]) => [name, pairs.map((pair, i) => score(answers[i]!, pair))] as const,
    );
    return bootstrap({ arms: new Map(arms), seed: 1 });
  };
  const contains = measure(containsAnswer);
  const em = measure((answer, { answers }) => scoreAnswer(answer, answers).em);
  const f1 = measure((answer, { answers }) => scoreAnswer(answer, answers).f1);
  const of = (name: string): Record<string, Interval> => ({
    contains: contains.arms.get(name)!,
    containsOverOff: contains.difference(name, "off"),
    em: em.arms.get(name)!,
    f1: f1.arms.get(name)!,
    f1OverOff: f1.difference(name, "off"),
  });
  const result = {
    model: generator.model.name,
    questions: pairs.length,
    arms: Object.fromEntries([...answered.keys()].map((name) => [name, of(name)])),
    answers: pairs.map(({ question }, index) => ({
      question,
      ...Object.fromEntries([...answered].map(([name, answers]) => [name, answers[index]])),
    })),
  };
  if (values.save) await saveResult("general", result);
  for (const [name, own] of Object.entries(result.arms)) {
    const told = Object.entries(own).map(
      ([what, { mean, low, high }]) =>
        `${what} ${mean.toFixed(1)} (${low.toFixed(1)} to ${high.toFixed(1)})`,
    );
    process.stdout.write(`${name}: ${told.join(", ")}\n`);
  }
} finally {
  await workspace.close();
}
