import { RagError, Random } from "../../core/index.ts";
import type { Generator, TrainingExample } from "../../generator/index.ts";
import { SHORT_ANSWER_TOKENS } from "../answer-length.ts";
import {
  bestWithAnswer,
  type LayoutOptions,
  layOutPair,
  type Retrieve,
  type RetrievedPair,
  retrievePairs,
  splitPairs,
  trainingExample,
  usablePairs,
  withoutDuplicates,
} from "../examples.ts";
import { METHODS } from "../methods/methods.ts";
import { type PassageText, roomCheck } from "../prompt-layout.ts";
import { taskOf } from "../prompt-template.ts";
import type { QaFile } from "../qa-file.ts";
import { isQuestion, type QaPair, taskOfPairs } from "../qa-record.ts";
import { pairsByRoom, type SkippedPairs } from "../too-long-pairs.ts";
import type { TuneSettings } from "../tune-settings.ts";
import { hashOfLists } from "./data-hash.ts";
import { requireEndMark, unanswerableCount, unanswerablePairs } from "./unanswerable.ts";

/** What a run learns from and is scored on. */
export interface TuningData {
  /** How many examples an epoch has. */
  readonly count: number;
  /** The examples of an epoch (counted from 0) in a fixed order: with random passages, each epoch has its own draw. */
  readonly examplesOf: (epoch: number) => readonly TrainingExample[];
  /** Whether an epoch's examples have passages that no epoch before had. */
  readonly hasNewPassages: (epoch: number) => boolean;
  readonly dev: readonly RetrievedPair[];
  /** Among the examples: those whose passages do not answer them. */
  readonly unanswerable: number;
  readonly answersRetrieved: number;
  readonly duplicates: number;
  /** Pairs beside held-out ones about the same document, which nothing is learned from. */
  readonly unused: number;
  /** sha256 of the examples and the held-out questions as the model reads them. */
  readonly hash: string;
  /** Whether all pairs are inputs that stand alone. */
  readonly isInput: boolean;
}

const MAX_PROMPT_TOKENS = 2048;

/**
 * Splits, retrieves and lays out pairs that have room (see {@link withoutTooLong}). The same settings and pairs give the same data.
 * @throws RagError qa/invalid, context/overflow
 */
export async function prepareData(
  settings: TuneSettings,
  parts: {
    readonly generator: Generator;
    readonly retrieve: Retrieve;
    readonly signal?: AbortSignal | undefined;
  },
  questions: { readonly pairs: readonly QaPair[]; readonly unanswerable: readonly QaPair[] },
): Promise<TuningData> {
  const { pairs } = questions;
  requireQuestionInTemplate(settings, pairs);
  const different = withoutDuplicates(pairs);
  const { unanswerable: share, seed } = settings;
  if (share > 0) requireEndMark(parts.generator.model);
  const own = questions.unanswerable.slice(0, unanswerableCount(different.length, share));
  const all = [...different, ...own];
  const { train, dev: heldOut } = splitPairs(all, {
    devShare: settings.devShare,
    maxDev: settings.maxDevPairs,
    seed,
  });
  const layout = layoutOf(settings, parts.generator);
  const retrieval = { ...layout, ...parts, count: settings.passages };
  const retrieved = await retrievePairs(train, { ...retrieval, toLearn: true });
  const [answered, unanswered] = byAnswer(retrieved);
  const withOthers = (
    some: readonly RetrievedPair[],
    none: readonly RetrievedPair[],
    at: number,
  ) => {
    const count = unanswerableCount(some.length, share);
    const random = new Random(seed + at);
    return [...some, ...unanswerablePairs(some, none, { count, random, layout })];
  };
  const usable = usablePairs(answered);
  const examples = withOthers(usable, unanswered, 1);
  const examplesOf = (epoch: number) => examplesOfEpoch(settings, examples, layout, epoch);
  const found = await retrievePairs(heldOut, { ...retrieval, toLearn: false });
  const dev = withOthers(...byAnswer(found), 2);
  return {
    count: examples.length,
    examplesOf,
    hasNewPassages: (epoch) => epoch < (varies(settings) ? settings.variants : 1),
    dev,
    unanswerable: examples.length - usable.length,
    answersRetrieved: answered.filter(({ isAnswerRetrieved }) => isAnswerRetrieved).length,
    duplicates: pairs.length - different.length,
    unused: all.length - train.length - heldOut.length,
    hash: hashOfLists([examplesOf(0), dev.map(({ prompt }) => prompt)]),
    isInput: taskOfPairs(different) === "input",
  };
}

/**
 * A file's pairs without those whose question or input has no room in the prompts of a training.
 * @throws RagError qa/invalid when these are more than 5%
 */
export function withoutTooLong(
  settings: TuneSettings,
  generator: Generator,
  qa: QaFile,
): { readonly qa: QaFile; readonly skipped: SkippedPairs | undefined } {
  const layout = layoutOf(settings, generator);
  const { maxTokens } = layout;
  const beyondRoom = roomCheck(generator.model, layout);
  const { fitting, skipped } = pairsByRoom(
    [...qa.pairs, ...(settings.unanswerable > 0 ? qa.unanswerable : [])],
    ({ question, task }) => {
      const tokens = beyondRoom({ question, ...(task ? { task } : {}) });
      return tokens && { tokens, maxTokens };
    },
  );
  const pairs = fitting.filter(({ answers }) => answers.length > 0);
  const unanswerable = fitting.filter(({ answers }) => answers.length === 0);
  return { qa: { ...qa, pairs, unanswerable }, skipped };
}

/** Questions in a template for inputs would be read by nobody. */
function requireQuestionInTemplate({ template }: TuneSettings, pairs: readonly QaPair[]): void {
  if (taskOf(template) !== "input" || taskOfPairs(pairs) === "input") return;
  throw new RagError(
    "config/invalid",
    "template: it has {input}, but the pairs are questions; use {passages}, {virtual tokens} and {question}, or pairs {input, output}.",
    { param: "template" },
  );
}

function layoutOf(settings: TuneSettings, generator: Generator): LayoutOptions {
  const answerTokens = Math.max(SHORT_ANSWER_TOKENS, settings.maxAnswerTokens);
  const room = generator.contextLength - METHODS[settings.method].virtualTokens(settings);
  return {
    model: generator.model,
    template: settings.template,
    maxTokens: Math.min(MAX_PROMPT_TOKENS, room - answerTokens),
  };
}

/** Those with an answer, and those without. */
const byAnswer = (pairs: readonly RetrievedPair[]): [RetrievedPair[], RetrievedPair[]] => [
  pairs.filter(({ pair }) => pair.answers.length > 0),
  pairs.filter(({ pair }) => pair.answers.length === 0),
];

function examplesOfEpoch(
  settings: TuneSettings,
  pairs: readonly RetrievedPair[],
  layout: LayoutOptions,
  epoch: number,
): TrainingExample[] {
  const { keepsPassages } = METHODS[settings.method];
  const { maxAnswerTokens } = settings;
  const options = { keepsPassages, maxAnswerTokens };
  return pairs.map((one, index) => {
    const isVaried = varies(settings) && isQuestion(one.pair);
    if (!isVaried) return trainingExample(layout.model, one, options);
    const passages = drawPassages(settings, pairs, index, epoch % settings.variants);
    const prompt = layOutPair(one.pair, passages, layout);
    return trainingExample(layout.model, { pair: one.pair, prompt }, options);
  });
}

const varies = ({ passagesMin, passages, shufflePassages, distractors }: TuneSettings): boolean =>
  (passagesMin ?? passages) < passages || shufflePassages || distractors > 0;

/**
 * One draw of an example's passages: a random number of the best, passages of other questions among them, in random order. It
 * depends on seed, example and variant alone, so passages that come again in a later epoch are in the cache.
 */
function drawPassages(
  settings: TuneSettings,
  pairs: readonly RetrievedPair[],
  index: number,
  variant: number,
): readonly PassageText[] {
  const random = new Random(settings.seed * 1_000_003 + index * 101 + variant);
  const { pair, passages } = pairs[index]!;
  const least = Math.min(settings.passagesMin ?? passages.length, passages.length);
  const count = least + random.integer(passages.length - least + 1);
  const drawn = [...bestWithAnswer(passages, count)];
  // A passage of another question may well answer one that should stay without.
  const distractors = pair.answers.length > 0 ? settings.distractors : 0;
  for (let i = 0; i < distractors; i++) {
    const other = pairs[random.integer(pairs.length)]!.passages;
    const one = other[random.integer(Math.max(1, other.length))];
    const isNew = one && !drawn.some(({ text }) => text === one.text);
    if (isNew) drawn.splice(random.integer(drawn.length + 1), 0, one);
  }
  return settings.shufflePassages ? random.shuffle(drawn) : drawn;
}
