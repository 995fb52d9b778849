import { RagError, Random } from "../core/index.ts";
import type { Model, TrainingExample } from "../generator/index.ts";
import {
  type LaidOutPrompt,
  layOutPrompt,
  type PassageText,
  type Placement,
} from "./prompt-layout.ts";
import type { QaPair } from "./qa-record.ts";
import { answerWords } from "./scores.ts";

/** Retrieved passages for each question, best first. */
export type Retrieve = (
  questions: readonly string[],
  signal?: AbortSignal,
) => Promise<readonly (readonly PassageText[])[]>;

/** A pair with what retrieval found for it, as the model will read it. */
export interface RetrievedPair {
  readonly pair: QaPair;
  readonly prompt: LaidOutPrompt;
  /** An accepted answer stands in one of the passages word for word. */
  readonly isAnswerRetrieved: boolean;
}

/** Below this share of pairs whose answer was retrieved, answers are taken to be free text, and all pairs are used. */
const EXTRACTIVE_SHARE = 0.5;
/** The longest answer that is learned; the rest of a longer one is cut. */
const MAX_ANSWER_TOKENS = 64;

/**
 * Splits pairs so that no document (or passage, where the document is not known) is on both sides.
 * Reproducible from the seed.
 */
export function splitPairs(
  pairs: readonly QaPair[],
  options: { readonly devShare: number; readonly maxDev: number; readonly seed: number },
): { train: QaPair[]; dev: QaPair[] } {
  const wanted = Math.min(options.maxDev, Math.round(pairs.length * options.devShare));
  const groups = new Map<string, QaPair[]>();
  for (const pair of pairs) {
    const group = groups.get(groupOf(pair));
    if (group) group.push(pair);
    else groups.set(groupOf(pair), [pair]);
  }
  const dev: QaPair[] = [];
  const devGroups = new Set<string>();
  for (const [name, group] of new Random(options.seed).shuffle([...groups])) {
    if (dev.length >= wanted) break;
    // What is left of a group that is cut at the wanted number belongs to neither side.
    dev.push(...group.slice(0, wanted - dev.length));
    devGroups.add(name);
  }
  return { train: pairs.filter((pair) => !devGroups.has(groupOf(pair))), dev };
}

/** Pairs about the same text. */
const groupOf = (pair: QaPair): string => pair.document ?? pair.passageId ?? pair.id;

/** Retrieves for every pair and lays its prompt out within `maxTokens`. */
export async function retrievePairs(
  pairs: readonly QaPair[],
  options: {
    readonly model: Model;
    readonly placement: Placement;
    readonly retrieve: Retrieve;
    readonly maxTokens: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<RetrievedPair[]> {
  const found = await options.retrieve(
    pairs.map(({ question }) => question),
    options.signal,
  );
  return pairs.map((pair, index) => {
    const passages = found[index] ?? [];
    const prompt = layOutPrompt(options.model, {
      question: pair.question,
      passages,
      placement: options.placement,
      maxTokens: options.maxTokens,
    });
    const used = passages.slice(0, prompt.usedPassages);
    return { pair, prompt, isAnswerRetrieved: holdsAnswer(used, pair.answers) };
  });
}

function holdsAnswer(passages: readonly PassageText[], answers: readonly string[]): boolean {
  const texts = passages.map(({ title, text }) => ` ${answerWords(`${title} ${text}`).join(" ")} `);
  return answers.some((answer) => {
    const words = answerWords(answer).join(" ");
    return words !== "" && texts.some((text) => text.includes(` ${words} `));
  });
}

/**
 * What to learn from. Where answers are spans of the documents, pairs whose answer was not retrieved are left out: they would
 * teach the model to answer from nowhere.
 * @throws RagError qa/invalid when nothing is left
 */
export function trainingExamples(model: Model, pairs: readonly RetrievedPair[]): TrainingExample[] {
  const retrieved = pairs.filter(({ isAnswerRetrieved }) => isAnswerRetrieved);
  const isExtractive = retrieved.length >= pairs.length * EXTRACTIVE_SHARE;
  const usable = (isExtractive ? retrieved : pairs).filter(({ prompt }) => prompt.usedPassages > 0);
  if (usable.length === 0) {
    throw new RagError(
      "qa/invalid",
      "question-answer pairs: no passage was found for any of them; ingest the documents they are about first.",
    );
  }
  return usable.map(({ pair, prompt }) => ({
    prefixIds: prompt.prefixIds,
    ids: prompt.ids,
    answerIds: answerIds(model, pair.answers[0]!),
  }));
}

function answerIds(model: Model, answer: string): number[] {
  const end = model.stopIds[0];
  const ids = model.tokenizer.encode(answer.trim()).slice(0, MAX_ANSWER_TOKENS);
  return end === undefined ? ids : [...ids, end];
}
