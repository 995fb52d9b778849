import { Random } from "../../core/index.ts";
import type { Generator, TrainingExample } from "../../generator/index.ts";
import {
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
import type { PassageText } from "../prompt-layout.ts";
import type { QaPair } from "../qa-record.ts";
import type { TuneSettings } from "../tune-settings.ts";

/** What a run learns from and is scored on. */
export interface TuningData {
  /** How many examples an epoch has. */
  readonly count: number;
  /** The examples of an epoch (counted from 0) in a fixed order: with random passages, each epoch has its own draw. */
  readonly examplesOf: (epoch: number) => readonly TrainingExample[];
  readonly dev: readonly RetrievedPair[];
  readonly answersRetrieved: number;
  readonly duplicates: number;
  /** Whether all pairs are inputs that stand alone. */
  readonly isInput: boolean;
}

export const MAX_DEV_ANSWER_TOKENS = 32;
const MAX_PROMPT_TOKENS = 2048;

/**
 * Splits, retrieves and lays out. The same settings and pairs give the same data.
 * @throws RagError qa/invalid, context/overflow
 */
export async function prepareData(
  settings: TuneSettings,
  parts: {
    readonly generator: Generator;
    readonly retrieve: Retrieve;
    readonly signal?: AbortSignal | undefined;
  },
  pairs: readonly QaPair[],
): Promise<TuningData> {
  const { generator, retrieve, signal } = parts;
  const different = withoutDuplicates(pairs);
  const { train, dev } = splitPairs(different, {
    devShare: settings.devShare,
    maxDev: settings.maxDevPairs,
    seed: settings.seed,
  });
  const answerTokens = Math.max(MAX_DEV_ANSWER_TOKENS, settings.maxAnswerTokens);
  const room = generator.contextLength - METHODS[settings.method].virtualTokens(settings);
  const layout: LayoutOptions = {
    model: generator.model,
    placement: settings.placement,
    maxTokens: Math.min(MAX_PROMPT_TOKENS, room - answerTokens),
  };
  const retrieved = await retrievePairs(train, { ...layout, retrieve, signal });
  const usable = usablePairs(retrieved);
  return {
    count: usable.length,
    examplesOf: (epoch) => examplesOfEpoch(settings, usable, layout, epoch),
    dev: await retrievePairs(dev, { ...layout, retrieve, signal }),
    answersRetrieved: retrieved.filter(({ isAnswerRetrieved }) => isAnswerRetrieved).length,
    duplicates: pairs.length - different.length,
    isInput: different.every(({ task }) => task === "input"),
  };
}

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
    const isVaried = varies(settings) && one.pair.task !== "input";
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
  const { passages } = pairs[index]!;
  const least = Math.max(1, Math.min(settings.passagesMin ?? passages.length, passages.length));
  const count = least + random.integer(Math.max(0, passages.length - least) + 1);
  const drawn = [...passages.slice(0, count)];
  for (let i = 0; i < settings.distractors; i++) {
    const other = pairs[random.integer(pairs.length)]!.passages;
    const one = other[random.integer(Math.max(1, other.length))];
    const isNew = one && !drawn.some(({ text }) => text === one.text);
    if (isNew) drawn.splice(random.integer(drawn.length + 1), 0, one);
  }
  return settings.shufflePassages ? random.shuffle(drawn) : drawn;
}
