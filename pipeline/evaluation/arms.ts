import { RagError } from "../../core/index.ts";
import type { Conditioning, Generator } from "../../generator/index.ts";
import {
  conditioningOf,
  generateAnswer,
  type LackOfRoom,
  LEARNED_ANSWER_TOKENS,
  type LearnedPrompt,
  layOutPrompt,
  type PassageText,
  type PromptParts,
  type PromptTemplate,
  questionTooLong,
  scoredAnswerTokens,
  templateOf,
  tokensBeyondRoom,
} from "../../ptuning/index.ts";

/** A way to answer that is compared with others. */
export interface Arm {
  readonly name: string;
  readonly usesPassages: boolean;
  readonly instruction: string;
  readonly conditioning: Conditioning | undefined;
  /** The user's message, and where the conditioning stands in it; undefined: between passages and question. */
  readonly template: PromptTemplate | undefined;
  /** Tokens of an answer to an input, as many as were learned; undefined: as many as the longest beside it. */
  readonly inputAnswerTokens: number | undefined;
  /** Given to every question, without asking the model. */
  readonly fixedAnswer?: string;
}

export const withoutRetrieval: Arm = {
  name: "no-retrieval",
  usesPassages: false,
  instruction: "",
  conditioning: undefined,
  template: undefined,
  inputAnswerTokens: undefined,
};
export const plainRag: Arm = { ...withoutRetrieval, name: "rag", usesPassages: true };

/** Plain RAG with a hand-written prompt at the place of the learned one. */
export const handArm = (instruction: string): Arm => ({ ...plainRag, name: "hand", instruction });

export const learnedArm = (prompt: LearnedPrompt): Arm => ({
  ...plainRag,
  name: prompt.about.name,
  conditioning: conditioningOf(prompt),
  template: templateOf(prompt),
  inputAnswerTokens: prompt.about.training.maxAnswerTokens ?? LEARNED_ANSWER_TOKENS,
});

/** Arms as they are compared: one that has learned no length answers inputs as long as the longest of those that have. */
export function withLikeLengths(arms: readonly Arm[]): readonly Arm[] {
  const learned = arms.flatMap(({ inputAnswerTokens }) => inputAnswerTokens ?? []);
  const longest = learned.length > 0 ? Math.max(...learned) : LEARNED_ANSWER_TOKENS;
  return arms.map((arm) => ({ ...arm, inputAnswerTokens: arm.inputAnswerTokens ?? longest }));
}

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

/** What an arm is asked. */
interface Asked {
  readonly question: string;
  /** "input": the question stands alone. */
  readonly task?: "input" | undefined;
}

/**
 * One greedy answer, at most as long as it is scored.
 * @throws RagError context/overflow naming the pair, when its question alone does not fit; engine/failed
 */
export async function answerWith(
  arm: Arm,
  generator: Generator,
  asked: Asked & {
    readonly id: string;
    readonly passages: readonly PassageText[];
    readonly signal?: AbortSignal | undefined;
  },
): Promise<string> {
  const { id, passages, signal } = asked;
  const { conditioning, fixedAnswer } = arm;
  if (fixedAnswer !== undefined) return fixedAnswer;
  const frame = framed(arm, generator, asked);
  const prompt = layOutPrompt(generator.model, {
    ...frame,
    passages: arm.usesPassages ? passages : [],
    tooLong: questionTooLong(frame.maxTokens, `pair "${id}"`),
  });
  return generateAnswer(generator, prompt, {
    conditioning,
    maxTokens: answerTokens(arm, asked),
    signal,
  });
}

/** Why an arm could not answer, even without passages; undefined where it can. */
export function lackOfRoom(arm: Arm, generator: Generator, asked: Asked): LackOfRoom | undefined {
  if (arm.fixedAnswer !== undefined) return undefined;
  const parts = framed(arm, generator, asked);
  const tokens = tokensBeyondRoom(generator.model, parts);
  return tokens && { tokens, maxTokens: parts.maxTokens };
}

/** A question as an arm frames it. */
function framed(
  arm: Arm,
  generator: Generator,
  { question, task }: Asked,
): Omit<PromptParts, "passages"> {
  const { conditioning, instruction, template } = arm;
  return {
    question,
    ...(template === undefined ? {} : { template }),
    ...(task ? { task } : {}),
    maxTokens: generator.contextLength - answerTokens(arm, { task }) - (conditioning?.count ?? 0),
    ...(instruction === "" ? {} : { instruction }),
  };
}

const answerTokens = (
  { inputAnswerTokens = LEARNED_ANSWER_TOKENS }: Arm,
  { task }: Pick<Asked, "task">,
): number => scoredAnswerTokens(task, inputAnswerTokens);
