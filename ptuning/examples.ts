import { groupBy, RagError, Random } from "../core/index.ts";
import type { Model, TrainingExample } from "../generator/index.ts";
import { documentNames, type FoundPassage, namedPassage } from "./found-passage.ts";
import { type LaidOutPrompt, layOutPrompt, type PassageText } from "./prompt-layout.ts";
import type { PromptTemplate } from "./prompt-template.ts";
import { isQuestion, type QaPair } from "./qa-record.ts";
import { answerWords } from "./scores.ts";

/** The best `count` passages for each question, best first. */
export type Retrieve = (
  questions: readonly string[],
  count: number,
  signal?: AbortSignal,
) => Promise<readonly (readonly FoundPassage[])[]>;

/** A passage found for a pair. */
export interface JudgedPassage extends PassageText {
  /** An accepted answer stands in it word for word. */
  readonly holdsAnswer: boolean;
  /** As far as is known, the answer is from it. */
  readonly isAnswering: boolean;
}

/** A pair with what retrieval found for it, as the model will read it. */
export interface RetrievedPair {
  readonly pair: QaPair;
  /** Best first. */
  readonly passages: readonly JudgedPassage[];
  readonly prompt: LaidOutPrompt;
  /** An answer stands in one of the passages word for word; of free text, the passage that the pair names is one of them. */
  readonly isAnswerRetrieved: boolean;
}

/** Of pairs, what counts as most of them. */
const MOST = 0.5;
/** How far down, at least, a passage is looked for that a pair can be learned from. */
const SEARCHED_TO_LEARN = 5;

/** What pairs about the same text have in common, the widest first: few documents with many questions each are no use to hold out. */
const GROUPINGS: readonly ((pair: QaPair) => string)[] = [
  (pair) => pair.document ?? pair.passageId ?? pair.id,
  (pair) => pair.passageId ?? pair.id,
  (pair) => pair.id,
];

/**
 * Splits pairs so that no document is on both sides; where the documents are too large for that, no passage, and at last no question.
 * At most as many as are held out belong to neither side. A share of two pairs or more holds out one at least, so that there is a score
 * to tell. Reproducible from the seed.
 */
export function splitPairs(
  pairs: readonly QaPair[],
  options: { readonly devShare: number; readonly maxDev: number; readonly seed: number },
): { train: QaPair[]; dev: QaPair[] } {
  const least = options.devShare > 0 && pairs.length > 1 ? 1 : 0;
  const share = Math.max(least, Math.round(pairs.length * options.devShare));
  const wanted = Math.min(options.maxDev, share);
  const groups = groupsToHoldOut(pairs, wanted);
  const dev: QaPair[] = [];
  const taken = new Set<QaPair>();
  for (const group of new Random(options.seed).shuffle(groups)) {
    if (dev.length >= wanted) break;
    // The rest of a group that is cut at the wanted number belongs to neither side.
    dev.push(...group.slice(0, wanted - dev.length));
    for (const pair of group) taken.add(pair);
  }
  return { train: pairs.filter((pair) => !taken.has(pair)), dev };
}

/** Groups of at most `wanted` pairs, of the widest grouping that has enough of them. */
function groupsToHoldOut(pairs: readonly QaPair[], wanted: number): QaPair[][] {
  let small: QaPair[][] = [];
  for (const groupOf of GROUPINGS) {
    small = [...groupBy(pairs, groupOf).values()].filter((group) => group.length <= wanted);
    if (small.reduce((sum, group) => sum + group.length, 0) >= wanted) break;
  }
  return small;
}

/**
 * Pairs without those that repeat the question and first answer of an earlier one; a question that comes with another answer stays.
 */
export function withoutDuplicates(pairs: readonly QaPair[]): QaPair[] {
  const seen = new Set<string>();
  return pairs.filter(({ question, answers }) => {
    const key = JSON.stringify([question, answers[0]]);
    return !seen.has(key) && seen.add(key);
  });
}

/** How pairs become what the model reads. */
export interface LayoutOptions {
  readonly model: Model;
  readonly template: PromptTemplate;
  /** Of prompt ids, virtual tokens not counted. */
  readonly maxTokens: number;
}

/**
 * Retrieves `count` passages for every pair that has a question, and lays its prompt out within `maxTokens`. `toLearn`: where it is known
 * which passage answers a pair, that one is among them, so that the pair is not lost.
 */
export async function retrievePairs(
  pairs: readonly QaPair[],
  options: LayoutOptions & {
    readonly retrieve: Retrieve;
    readonly count: number;
    readonly toLearn: boolean;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<RetrievedPair[]> {
  const { retrieve, count, toLearn, signal } = options;
  const asked = pairs.filter(isQuestion);
  const searched = toLearn ? Math.max(count, SEARCHED_TO_LEARN) : count;
  const questions = asked.map(({ question }) => question);
  const found = asked.length > 0 ? await retrieve(questions, searched, signal) : [];
  const left = judged(asked, found, count).map((passages) =>
    toLearn ? bestWithAnswer(passages, count) : passages.slice(0, count),
  );
  return pairs.map((pair) => {
    const passages = isQuestion(pair) ? (left.shift() ?? []) : [];
    const prompt = layOutPair(pair, passages, options);
    const used = passages.slice(0, prompt.usedPassages);
    return { pair, passages, prompt, isAnswerRetrieved: isRetrieved(pair, used) };
  });
}

/**
 * Where answers are spans of the documents (most pairs' stand in the `count` best passages), a passage answers a pair when it holds the
 * answer. Free text cannot be looked for, so there the pair's file must say which passage or document its answer is from.
 */
function judged(
  pairs: readonly QaPair[],
  found: readonly (readonly FoundPassage[])[],
  count: number,
): JudgedPassage[][] {
  const held = pairs.map(({ answers }, index) =>
    found[index]!.map((passage) => holdsAnswer([passage], answers)),
  );
  const inBest = held.map((passages) => passages.slice(0, count).includes(true));
  const areSpans = isMost(inBest.filter((_, index) => pairs[index]!.answers.length > 0));
  return pairs.map((pair, index) =>
    found[index]!.map((passage, rank) => ({
      title: passage.title,
      text: passage.text,
      holdsAnswer: held[index]![rank]!,
      isAnswering: areSpans ? held[index]![rank]! : isNamed(pair, passage),
    })),
  );
}

/** What has no answer is answered by no passage, whichever it names. */
function isNamed(pair: QaPair, passage: FoundPassage): boolean {
  const name = namedPassage(pair);
  const isAsked = name !== undefined && pair.answers.length > 0;
  return isAsked && documentNames(passage).includes(name);
}

const isRetrieved = (pair: QaPair, passages: readonly JudgedPassage[]): boolean =>
  passages.some(({ isAnswering }) => isAnswering) ||
  (namedPassage(pair) === undefined && passages.some((passage) => passage.holdsAnswer));

/** The best `count` passages; where none of them answers, the next that does stands in place of the last. */
export function bestWithAnswer(
  passages: readonly JudgedPassage[],
  count: number,
): readonly JudgedPassage[] {
  const best = passages.slice(0, count);
  if (best.some(({ isAnswering }) => isAnswering)) return best;
  const next = passages.slice(count).find(({ isAnswering }) => isAnswering);
  return next ? [...best.slice(0, -1), next] : best;
}

const isMost = (flags: readonly boolean[]): boolean =>
  flags.filter(Boolean).length >= flags.length * MOST;

/** A pair with passages as the model reads it. */
export const layOutPair = (
  { question, task }: QaPair,
  passages: readonly PassageText[],
  { model, template, maxTokens }: LayoutOptions,
): LaidOutPrompt =>
  layOutPrompt(model, { question, passages, template, maxTokens, ...(task ? { task } : {}) });

/** Whether one of the answers stands in the passages, word for word. */
export function holdsAnswer(passages: readonly PassageText[], answers: readonly string[]): boolean {
  const texts = passages.map(({ title, text }) => ` ${answerWords(`${title} ${text}`).join(" ")} `);
  return answers.some((answer) => {
    const words = answerWords(answer).join(" ");
    return words !== "" && texts.some((text) => text.includes(` ${words} `));
  });
}

/**
 * The pairs to learn from. Where the answers of most were retrieved, as far as is known, pairs whose answer was not are left out: they
 * would teach the model to answer from nowhere.
 * @throws RagError qa/invalid when nothing is left
 */
export function usablePairs(pairs: readonly RetrievedPair[]): readonly RetrievedPair[] {
  const questions = pairs.filter(({ pair }) => isQuestion(pair));
  const areRetrieved = isMost(questions.map(({ isAnswerRetrieved }) => isAnswerRetrieved));
  const usable = pairs.filter(
    ({ pair, prompt, isAnswerRetrieved }) =>
      prompt.takesPrompt && (!isQuestion(pair) || !areRetrieved || isAnswerRetrieved),
  );
  if (usable.length > 0) return usable;
  if (pairs.length === 0) {
    throw new RagError(
      "qa/invalid",
      "question-answer pairs: all of them are held out for scoring; give more pairs, or hold out a smaller share.",
    );
  }
  throw new RagError(
    "qa/invalid",
    "question-answer pairs: no passage was found for any of them; ingest the documents they are about first.",
  );
}

/**
 * A laid-out pair as the trainer takes it. `keepsPassages`: what is trained leaves their keys and values alone, so that they can be
 * cached.
 */
export function trainingExample(
  model: Model,
  { pair, prompt }: Pick<RetrievedPair, "pair" | "prompt">,
  options: { readonly keepsPassages: boolean; readonly maxAnswerTokens: number },
): TrainingExample {
  const { prefixIds, ids } = prompt;
  const answer = answerIds(model, pair.answers[0] ?? "", options.maxAnswerTokens);
  return options.keepsPassages
    ? { prefixIds, ids, answerIds: answer }
    : { prefixIds: [], ids: [...prefixIds, ...ids], answerIds: answer };
}

/** With the end mark, except where the answer was cut; that alone where there is no answer. */
function answerIds(model: Model, answer: string, maxTokens: number): number[] {
  const end = model.stopIds[0];
  const ids = model.tokenizer.encode(answer.trim());
  if (ids.length > maxTokens) return ids.slice(0, maxTokens);
  return end === undefined ? ids : [...ids, end];
}
