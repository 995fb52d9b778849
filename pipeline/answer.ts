import { RagError } from "../core/index.ts";
import { encodeChat, type Generator } from "../generator/index.ts";
import {
  type ChatTurn,
  conditioningOf,
  type LaidOutPrompt,
  type LearnedPrompt,
  layOutPrompt,
} from "../ptuning/index.ts";
import type { Answer, AnswerRequest, Message } from "./answerer.ts";
import { citedPassages } from "./citations.ts";
import { generateText, type TextPiece, type TextSummary } from "./generated-text.ts";
import type { Passage } from "./passage.ts";

/** Passages without a learned prompt that says otherwise. */
export const DEFAULT_PASSAGES = 3;
const DEFAULT_ANSWER_TOKENS = { retrieval: 128, question: 128, bare: 512 } as const;

export interface AnswerParts {
  readonly generator: Generator;
  readonly retrieve: (
    question: string,
    k: number,
    signal?: AbortSignal,
  ) => Promise<readonly Passage[]>;
  /** The learned prompt for a wish, see {@link AnswerRequest.prompt}. */
  readonly choosePrompt: (wanted: string | undefined) => Promise<LearnedPrompt | undefined>;
}

/** What goes to the model, and what it was made of. */
interface Prepared {
  readonly prompt: LaidOutPrompt;
  readonly learned: LearnedPrompt | undefined;
  readonly passages: readonly Passage[];
  readonly maxTokens: number;
  readonly retrievalMs: number;
}

const NOTHING_GENERATED: TextSummary = {
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  finishReason: "stop",
  prefillMs: 0,
  decodeMs: 0,
};

/**
 * Answers the last message: retrieves, lays out within the context, generates, cites. Passages that do not fit are dropped
 * from the end; the question never is. When nothing is retrieved there is no answer, and the model is not asked.
 * @throws RagError context/overflow, store/empty, prompt/*, engine/failed
 */
export async function* answerQuestion(
  parts: AnswerParts,
  request: AnswerRequest,
  signal?: AbortSignal,
): AsyncGenerator<TextPiece, Answer> {
  const started = performance.now();
  const prepared = await prepare(parts, request, signal);
  const hasNothing = request.mode === "retrieval" && prepared.passages.length === 0;
  let text = "";
  let summary = NOTHING_GENERATED;
  if (!hasNothing) {
    for await (const piece of generation()) {
      text += piece.text;
      yield piece;
    }
  }
  return complete(prepared, { text, summary, totalMs: performance.now() - started });

  async function* generation() {
    const { prompt, learned, maxTokens } = prepared;
    // Without passages in the prompt the virtual tokens have nothing to point at.
    const conditioning = learned && prompt.usedPassages > 0 ? conditioningOf(learned) : undefined;
    const { sampling, stop, logProbabilities } = request;
    summary = yield* generateText(
      parts.generator,
      { ...prompt, conditioning, maxTokens, sampling, stop, logProbabilities },
      signal,
    );
  }
}

/** Runs an answer to its end when nobody looks at the pieces. */
export async function wholeAnswer(pieces: AsyncGenerator<TextPiece, Answer>): Promise<Answer> {
  for (;;) {
    const { value, done } = await pieces.next();
    if (done) return value;
  }
}

async function prepare(
  parts: AnswerParts,
  request: AnswerRequest,
  signal?: AbortSignal,
): Promise<Prepared> {
  if (request.mode === "bare") return prepareBare(parts.generator, request);
  const isRetrieval = request.mode === "retrieval";
  const learned = isRetrieval ? await parts.choosePrompt(request.prompt) : undefined;
  const question = request.messages.at(-1)!.text;
  const started = performance.now();
  const k = request.k ?? learned?.about.training.passagesMax ?? DEFAULT_PASSAGES;
  const passages = isRetrieval ? await parts.retrieve(question, k, signal) : [];
  const retrievalMs = performance.now() - started;
  const maxTokens = answerTokens(parts.generator, request);
  const virtualTokens = learned?.about.virtualTokens ?? 0;
  // A system message is a hand-written prompt: it stands where a learned one would.
  const instruction = learned ? "" : systemText(request.messages);
  const prompt = withContextNamed(parts.generator, () =>
    layOutPrompt(parts.generator.model, {
      question,
      passages,
      history: historyOf(request.messages),
      maxTokens: parts.generator.contextLength - maxTokens - virtualTokens,
      ...(learned ? { placement: learned.about.placement } : {}),
      ...(instruction ? { instruction } : {}),
    }),
  );
  return { prompt, learned, passages, maxTokens, retrievalMs };
}

/** The conversation as the model's own chat template has it. */
function prepareBare(generator: Generator, request: AnswerRequest): Prepared {
  const messages = request.messages.map(({ role, text }) => ({ role, parts: [text] }));
  const ids = encodeChat(generator.model, messages).before;
  const room = generator.contextLength - ids.length;
  const maxTokens = request.maxTokens ?? Math.min(DEFAULT_ANSWER_TOKENS.bare, room);
  if (maxTokens < 1 || maxTokens > room) throw contextOverflow(generator, ids.length, maxTokens);
  return {
    prompt: { prefixIds: [], ids, usedPassages: 0 },
    learned: undefined,
    passages: [],
    maxTokens,
    retrievalMs: 0,
  };
}

/** The asked-for number, or the mode's usual one where the context has room for it. */
function answerTokens(generator: Generator, request: AnswerRequest): number {
  const { contextLength } = generator;
  if (request.maxTokens === undefined) {
    return Math.min(DEFAULT_ANSWER_TOKENS[request.mode], Math.floor(contextLength / 4));
  }
  if (request.maxTokens < contextLength) return request.maxTokens;
  throw contextOverflow(generator, 0, request.maxTokens);
}

function contextOverflow(generator: Generator, prompt: number, answer: number): RagError {
  return new RagError(
    "context/overflow",
    `This model's maximum context length is ${generator.contextLength} tokens, however ${prompt + answer} were requested (${prompt} in the messages, ${answer} for the answer); shorten the messages or ask for fewer tokens.`,
    { param: "messages" },
  );
}

/** Says how long the context is when the question does not fit. */
function withContextNamed<Result>(generator: Generator, layOut: () => Result): Result {
  try {
    return layOut();
  } catch (cause) {
    if (!(cause instanceof RagError) || cause.code !== "context/overflow") throw cause;
    throw new RagError(
      "context/overflow",
      `This model's maximum context length is ${generator.contextLength} tokens: ${cause.message}`,
      { cause, param: cause.param ?? "messages" },
    );
  }
}

function complete(
  { prompt, learned, passages, retrievalMs }: Prepared,
  made: { readonly text: string; readonly summary: TextSummary; readonly totalMs: number },
): Answer {
  const { text, summary, totalMs } = made;
  const used = passages.slice(0, prompt.usedPassages);
  return {
    answer: text,
    abstained: text === "",
    prompt: learned?.about.name ?? null,
    passages: passages.map((passage, index) => ({ ...passage, used: index < used.length })),
    citations: citedPassages(text, used),
    finishReason: summary.finishReason,
    usage: {
      promptTokens: summary.promptTokens,
      cachedTokens: summary.cachedTokens,
      completionTokens: summary.completionTokens,
    },
    timings: {
      retrievalMs,
      prefillMs: summary.prefillMs,
      decodeMs: summary.decodeMs,
      totalMs,
    },
  };
}

function systemText(messages: readonly Message[]): string {
  return messages
    .filter(({ role }) => role === "system")
    .map(({ text }) => text.trim())
    .join("\n\n");
}

/** Turns before the question. */
function historyOf(messages: readonly Message[]): ChatTurn[] {
  return messages
    .slice(0, -1)
    .flatMap(({ role, text }) => (role === "system" ? [] : [{ role, text }]));
}
