import { RagError } from "../core/index.ts";
import { type ChatMessage, encodeChat, MARK, type Model } from "../generator/index.ts";
import type { LearnedPrompt } from "./prompt-file.ts";

/** A passage as the model reads it. */
export interface PassageText {
  readonly title: string;
  readonly text: string;
}

export interface ChatTurn {
  readonly role: "user" | "assistant";
  readonly text: string;
}

export type Placement = LearnedPrompt["about"]["placement"];

export type Task = NonNullable<LearnedPrompt["about"]["task"]>;

export interface PromptParts {
  readonly question: string;
  /** "question" (the default) is answered from passages; an "input" is what the model reads, without a frame. */
  readonly task?: Task;
  /** Best first. Without passages no virtual tokens stand in the prompt: the model is exactly the base model. */
  readonly passages: readonly PassageText[];
  /** Where the virtual tokens stand: between passages and question (the default), or in front of the passages. */
  readonly placement?: Placement;
  /** Words of a hand-written prompt, at the place of the virtual tokens. */
  readonly instruction?: string;
  /** Earlier turns of the conversation, oldest first. */
  readonly history?: readonly ChatTurn[];
  /** Tokens that prompt ids may take, virtual tokens not counted. */
  readonly maxTokens: number;
}

export interface LaidOutPrompt {
  /**
   * What stands before the virtual tokens. Between passages and question it is system text, history and passages: equal for every
   * prompt that answers from the same passages, so its keys and values are shared.
   */
  readonly prefixIds: readonly number[];
  /** The rest, up to where the answer begins. */
  readonly ids: readonly number[];
  /** How many passages, from the best, found room. */
  readonly usedPassages: number;
  /** Whether a learned prompt belongs in it: a question has one only with passages, so that without them the model is the base model. */
  readonly takesPrompt: boolean;
}

/** Kept with every learned prompt; a prompt trained with another layout is not the same prompt. */
export const PROMPT_TEMPLATES: Readonly<Record<Placement, string>> = {
  between:
    "system: {system}\nuser: [{n}] {title}\\n{passage}… {virtual tokens}Question: {question}",
  prefix: "system: {system}\nuser: {virtual tokens}[{n}] {title}\\n{passage}… Question: {question}",
};

/** The same for inputs that stand alone. */
export const INPUT_TEMPLATE = "user: {virtual tokens}{input}";

const SYSTEM_WITH_PASSAGES = "Answer the question with a short span copied from the passages.";
const SYSTEM_WITHOUT_PASSAGES = "Answer the question with a few words.";

/**
 * Puts passages, learned prompt and question together: `[passages][virtual tokens][question]`, or in the classic order
 * `[virtual tokens][passages][question]`. Passages that do not fit are dropped, the
 * least relevant first; the question never is.
 * @throws RagError context/overflow when the question alone does not fit
 */
export function layOutPrompt(model: Model, parts: PromptParts): LaidOutPrompt {
  for (let used = parts.passages.length; used >= 0; used--) {
    const { before, after } = encodeChat(model, messagesOf(parts, used));
    if (before.length + after.length <= parts.maxTokens) {
      const takesPrompt = used > 0 || parts.task === "input";
      return { prefixIds: before, ids: after, usedPassages: used, takesPrompt };
    }
  }
  throw new RagError(
    "context/overflow",
    `question: it needs ${encodeChat(model, messagesOf(parts, 0)).after.length} tokens with its frame, but only ${parts.maxTokens} are left for it; shorten it or the conversation before it.`,
    { param: "messages" },
  );
}

function messagesOf(parts: PromptParts, used: number): ChatMessage[] {
  if (parts.task === "input") {
    const instruction = parts.instruction ? [`${parts.instruction}\n\n`] : [];
    return [{ role: "user", parts: [MARK, ...instruction, parts.question] }];
  }
  const passages = parts.passages
    .slice(0, used)
    .map(({ title, text }, index) => `[${index + 1}] ${title ? `${title}\n` : ""}${text}\n\n`);
  const context = passages.join("");
  const marked: ChatMessage["parts"] =
    parts.placement === "prefix" ? [MARK, context] : [context, MARK];
  const instruction = parts.instruction && used > 0 ? [`${parts.instruction}\n\n`] : [];
  return [
    {
      role: "system",
      parts: [used > 0 ? SYSTEM_WITH_PASSAGES : SYSTEM_WITHOUT_PASSAGES],
    },
    ...(parts.history ?? []).map(({ role, text }) => ({ role, parts: [text] })),
    {
      role: "user",
      parts: [...marked, ...instruction, `Question: ${parts.question}`],
    },
  ];
}
