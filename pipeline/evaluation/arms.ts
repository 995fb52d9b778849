import { RagError } from "../../core/index.ts";
import type { Conditioning, Generator } from "../../generator/index.ts";
import {
  conditioningOf,
  generateAnswer,
  type LearnedPrompt,
  layOutPrompt,
  type PassageText,
  type PromptTemplate,
  templateOf,
} from "../../ptuning/index.ts";

/** A way to answer that is compared with others. */
export interface Arm {
  readonly name: string;
  readonly usesPassages: boolean;
  readonly instruction: string;
  readonly conditioning: Conditioning | undefined;
  /** The user's message, and where the conditioning stands in it; undefined: between passages and question. */
  readonly template: PromptTemplate | undefined;
  /** Given to every question, without asking the model. */
  readonly fixedAnswer?: string;
}

/** Long enough for every short answer. */
export const MAX_ANSWER_TOKENS = 32;

export const withoutRetrieval: Arm = {
  name: "no-retrieval",
  usesPassages: false,
  instruction: "",
  conditioning: undefined,
  template: undefined,
};
export const plainRag: Arm = { ...withoutRetrieval, name: "rag", usesPassages: true };

/** Plain RAG with a hand-written prompt at the place of the learned one. */
export const handArm = (instruction: string): Arm => ({ ...plainRag, name: "hand", instruction });

export const learnedArm = (prompt: LearnedPrompt): Arm => ({
  ...plainRag,
  name: prompt.about.name,
  conditioning: conditioningOf(prompt),
  template: templateOf(prompt),
});

/** Words for ways to answer in other places, and what they are called here. */
const OTHER_NAMES: Readonly<Record<string, string>> = { none: "rag", base: "no-retrieval" };

/** Names of `--arms`, checked. @throws RagError config/invalid when empty, given twice or of no arm */
export function parseArmNames(list: string): readonly string[] {
  const names = list
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  const other = names.find((name) => Object.hasOwn(OTHER_NAMES, name));
  if (other !== undefined) {
    throw new RagError(
      "config/invalid",
      `--arms: there is no arm "${other}"; use ${OTHER_NAMES[other]}.`,
    );
  }
  if (names.length > 0 && twice === undefined) return names;
  throw new RagError(
    "config/invalid",
    `--arms: expected different names separated by commas, such as rag,hand,handbook; found ${JSON.stringify(list)}.`,
  );
}

/** One greedy answer, at most {@link MAX_ANSWER_TOKENS} tokens long. */
export async function answerWith(
  arm: Arm,
  generator: Generator,
  asked: {
    readonly question: string;
    /** "input": the question stands alone. */
    readonly task?: "input" | undefined;
    readonly passages: readonly PassageText[];
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  const { question, task, passages, signal } = asked;
  const { conditioning, instruction, template, fixedAnswer } = arm;
  if (fixedAnswer !== undefined) return fixedAnswer;
  const room = generator.contextLength - MAX_ANSWER_TOKENS - (conditioning?.count ?? 0);
  const prompt = layOutPrompt(generator.model, {
    question,
    passages: arm.usesPassages ? passages : [],
    ...(template === undefined ? {} : { template }),
    ...(task ? { task } : {}),
    maxTokens: room,
    ...(instruction === "" ? {} : { instruction }),
  });
  return generateAnswer(generator, prompt, {
    conditioning,
    maxTokens: MAX_ANSWER_TOKENS,
    signal,
  });
}
