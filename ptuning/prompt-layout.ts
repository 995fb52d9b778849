import { RagError } from "../core/index.ts";
import {
  type ChatMessage,
  type EncodedChat,
  encodeChat,
  type Model,
  type TokenCount,
} from "../generator/index.ts";
import {
  BETWEEN_TEMPLATE,
  fillTemplate,
  INPUT_TEMPLATE,
  type PromptTemplate,
  type Task,
  taskOf,
} from "./prompt-template.ts";

/** A passage as the model reads it. */
export interface PassageText {
  readonly title: string;
  readonly text: string;
}

export interface ChatTurn {
  readonly role: "user" | "assistant";
  readonly text: string;
}

export interface PromptParts {
  readonly question: string;
  /** "question" (the default) is answered from passages; an "input" is what the model reads, without a frame. */
  readonly task?: Task;
  /** Best first. Without passages no virtual tokens stand in the prompt: the model is exactly the base model. */
  readonly passages: readonly PassageText[];
  /** The user's message and where the virtual tokens stand in it; by default between passages and question. */
  readonly template?: PromptTemplate;
  /** Words of a hand-written prompt, at the place of the virtual tokens. */
  readonly instruction?: string;
  /** Earlier turns of the conversation, oldest first. */
  readonly history?: readonly ChatTurn[];
  /** Tokens that prompt ids may take, virtual tokens not counted. */
  readonly maxTokens: number;
  /** The error for a question that does not fit, by the tokens of its prompt; without it, one for people who train. */
  readonly tooLong?: (promptTokens: TokenCount) => RagError;
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

/** What the model is told of its task when there are passages. */
export const SYSTEM_WITH_PASSAGES =
  "Answer the question with a short span copied from the passages.";
const SYSTEM_WITHOUT_PASSAGES = "Answer the question with a few words.";

/** What of a conversation stands in its prompt. */
interface Kept {
  /** How many passages, from the best. */
  readonly passages: number;
  readonly history: readonly ChatTurn[];
}

/**
 * Puts history, passages, learned prompt and question together, in the order of the template. What does not fit is dropped: the oldest
 * turns of the history first, each question with its answer, then passages, the least relevant first; the question never is.
 * @throws RagError context/overflow when the question alone does not fit
 */
export function layOutPrompt(model: Model, parts: PromptParts): LaidOutPrompt {
  const { maxTokens, tooLong = questionTooLong(maxTokens) } = parts;
  const layOut = (kept: Kept) => encodeChat(model, messagesOf(parts, kept), maxTokens);
  const fits = (chat: EncodedChat) => tokensOver(maxTokens, chat) === undefined;
  const laidOut = ({ before, after }: EncodedChat, { passages }: Kept): LaidOutPrompt => {
    const takesPrompt = passages > 0 || parts.task === "input";
    return { prefixIds: before, ids: after, usedPassages: passages, takesPrompt };
  };
  const choices = shorterAndShorter(parts);
  const [all, alone] = [choices[0]!, choices.at(-1)!];
  const full = layOut(all);
  if (fits(full)) return laidOut(full, all);
  // Next the question alone: if it does not fit, nothing does.
  let best = { kept: alone, chat: layOut(alone) };
  const over = tokensOver(maxTokens, best.chat);
  if (over) throw tooLong(over);
  // Between a choice that is too long and one that fits: a thousand turns are laid out ten times, not a thousand times.
  let [tooMuch, enough] = [0, choices.length - 1];
  while (enough - tooMuch > 1) {
    const middle = Math.floor((tooMuch + enough) / 2);
    const kept = choices[middle]!;
    const chat = layOut(kept);
    if (fits(chat)) {
      best = { kept, chat };
      enough = middle;
    } else tooMuch = middle;
  }
  return laidOut(best.chat, best.kept);
}

/**
 * How many tokens a question or input needs with its frame, where that is more than there are: nothing can be laid out then. Else
 * undefined.
 */
export function tokensBeyondRoom(model: Model, parts: Alone): TokenCount | undefined {
  return tokensOver(parts.maxTokens, encodeAlone(model, parts));
}

/** Normalisation (NFC) makes a text at most three times as long in UTF-8, and each token has a byte of its own. @see Unicode FAQ, Normalization */
const TOKENS_A_BYTE = 3;
/** Where a text meets its frame, the frame's tokens may be cut in another way. */
const SEAM_TOKENS = 16;

/** {@link tokensBeyondRoom} of many questions and inputs in one frame: those that are short by their bytes are not encoded. */
export function roomCheck(
  model: Model,
  frame: Omit<Alone, "question" | "task">,
): (text: Pick<Alone, "question" | "task">) => TokenCount | undefined {
  const frameTokens = new Map<Alone["task"], number>();
  return (text) => {
    const { question, task } = text;
    const known = frameTokens.get(task) ?? frameSize(model, { ...frame, ...text, question: "" });
    frameTokens.set(task, known);
    const most = known + SEAM_TOKENS + TOKENS_A_BYTE * Buffer.byteLength(question);
    return most <= frame.maxTokens ? undefined : tokensBeyondRoom(model, { ...frame, ...text });
  };
}

/** As long as there are tokens where the frame itself is cut. */
function frameSize(model: Model, parts: Alone): number {
  const chat = encodeAlone(model, parts);
  return chat.isCut ? parts.maxTokens : lengthOf(chat);
}

/** A question or input in its frame, with nothing that could be dropped. */
type Alone = Omit<PromptParts, "passages" | "history" | "tooLong">;

const encodeAlone = (model: Model, parts: Alone): EncodedChat =>
  encodeChat(
    model,
    messagesOf({ ...parts, passages: [] }, { passages: 0, history: [] }),
    parts.maxTokens,
  );

const lengthOf = ({ before, after }: EncodedChat): number => before.length + after.length;

/** Of a chat that is longer than `maxTokens`, its tokens. */
function tokensOver(maxTokens: number, chat: EncodedChat): TokenCount | undefined {
  if (chat.isCut) return { count: Math.max(0, maxTokens), isExact: false };
  const count = lengthOf(chat);
  return count > maxTokens ? { count, isExact: true } : undefined;
}

/** Everything, then without ever more of the turns, then without ever more of the passages. */
function shorterAndShorter({ passages: { length: all }, history = [] }: PromptParts): Kept[] {
  const isStart = (index: number) => index === 0 || history[index]?.role === "user";
  const fewerTurns = [...history.keys()]
    .filter(isStart)
    .map((start) => ({ passages: all, history: history.slice(start) }));
  const fewerPassages = Array.from({ length: all + 1 }, (_, dropped) => ({
    passages: all - dropped,
    history: [],
  }));
  return [...fewerTurns, ...fewerPassages];
}

/** Says that a question has no room; `what` names it. */
export const questionTooLong =
  (maxTokens: number, what = "question") =>
  ({ count, isExact }: TokenCount): RagError =>
    new RagError(
      "context/overflow",
      `${what}: it needs ${isExact ? "" : "more than "}${count} tokens with its frame, but only ${maxTokens} are left for it; shorten it.`,
    );

function messagesOf(parts: PromptParts, { passages: used, history }: Kept): ChatMessage[] {
  const { question, instruction: words = "", template = BETWEEN_TEMPLATE } = parts;
  if (parts.task === "input") {
    const own = taskOf(template) === "input" ? template : INPUT_TEMPLATE;
    const instruction = words && `${words}\n\n`;
    return [{ role: "user", parts: fillTemplate(own, { input: question }, instruction) }];
  }
  const passages = parts.passages.slice(0, used).map(onePassage).join("");
  // Without passages the frame is the base model's, whatever the template says.
  const own = used > 0 ? template : BETWEEN_TEMPLATE;
  const instruction = words && used > 0 ? `${words}\n\n` : "";
  return [
    {
      role: "system",
      parts: [used > 0 ? SYSTEM_WITH_PASSAGES : SYSTEM_WITHOUT_PASSAGES],
    },
    ...history.map(({ role, text }) => ({ role, parts: [text] })),
    { role: "user", parts: fillTemplate(own, { passages, question }, instruction) },
  ];
}

/** A passage as it stands among others, numbered from 1. */
export const onePassage = ({ title, text }: PassageText, index: number): string =>
  `[${index + 1}] ${title ? `${title}\n` : ""}${text}\n\n`;
