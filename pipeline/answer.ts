import { RagError } from "../core/index.ts";
import type { Conditioning, Generator } from "../generator/index.ts";
import {
  type ChatTurn,
  conditioningOf,
  type LearnedPrompt,
  layOutPrompt,
  templateOf,
} from "../ptuning/index.ts";
import { abstentionFor, nothingRelevant } from "./abstention.ts";
import type { Abstention, Answer, AnswerRequest, Message } from "./answerer.ts";
import { conditioningFrom, layOutBareChat } from "./bare-chat.ts";
import { citedPassages } from "./citations.ts";
import { contextOverflow } from "./context-overflow.ts";
import { generateText, type TextPiece, type TextSummary } from "./generated-text.ts";
import type { Passage } from "./passage.ts";
import { searchQuery } from "./search-query.ts";

/** Passages without a learned prompt that says otherwise. */
export const DEFAULT_PASSAGES = 3;
const DEFAULT_ANSWER_TOKENS = { retrieval: 128, question: 128, bare: 512 } as const;

/** Passages for a query, best first, and how close the closest is. */
export interface Retrieved {
  readonly passages: readonly Passage[];
  /** Cosine similarity of query and closest passage, -1 to 1; undefined where it is not known. */
  readonly similarity?: number | undefined;
  /** Time of reranking; undefined where there was none. */
  readonly rerankMs?: number | undefined;
}

export interface AnswerParts {
  readonly generator: Generator;
  /** @throws RagError store/empty */
  readonly retrieve: (query: string, k: number, signal?: AbortSignal) => Promise<Retrieved>;
  /** The learned prompt for a wish, see {@link AnswerRequest.prompt}. */
  readonly choosePrompt: (wanted: string | undefined) => Promise<LearnedPrompt | undefined>;
  /** With no passage as close as this, nothing relevant was found. */
  readonly minSimilarity: number;
}

/** What goes to the model, and what it was made of. */
interface Prepared {
  readonly prompt: {
    readonly prefixIds: readonly number[];
    readonly ids: readonly number[];
    readonly conditioning: Conditioning | undefined;
  };
  readonly usedPassages: number;
  readonly learned: LearnedPrompt | undefined;
  readonly passages: readonly Passage[];
  readonly query: string | undefined;
  readonly abstention: Abstention | undefined;
  readonly maxTokens: number;
  readonly retrievalMs: number;
  readonly rerankMs?: number | undefined;
}

const NOTHING_GENERATED: TextSummary = {
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  finishReason: "stop",
  prefillMs: 0,
  decodeMs: 0,
  hasMetStopText: false,
};

/**
 * Answers the last message: retrieves, lays out within the context, generates, cites. What does not fit is dropped, of a conversation the
 * oldest turns first, then passages from the end; the question never is. When nothing relevant is found there is no answer, and the model is not asked.
 * @throws RagError context/overflow, prompt/*, request/invalid, engine/failed
 */
export async function* answerQuestion(
  parts: AnswerParts,
  request: AnswerRequest,
  signal?: AbortSignal,
): AsyncGenerator<TextPiece, Answer> {
  const started = performance.now();
  const prepared = await prepare(parts, request, signal);
  let text = "";
  let summary = NOTHING_GENERATED;
  if (!prepared.abstention) {
    for await (const piece of generation()) {
      text += piece.text;
      yield piece;
    }
  }
  return complete(prepared, { text, summary, totalMs: performance.now() - started });

  async function* generation() {
    const { prompt, maxTokens } = prepared;
    const { sampling, stop, logProbabilities, topLogProbabilities } = request;
    summary = yield* generateText(
      parts.generator,
      { ...prompt, maxTokens, sampling, stop, logProbabilities, topLogProbabilities },
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
  const { generator } = parts;
  if (request.mode === "bare") return prepareBare(generator, request);
  const isRetrieval = request.mode === "retrieval";
  const given = conditioningFrom(request.messages, generator.model.config.width);
  // Rows that come with the question stand in for the store's learned prompt.
  const learned = isRetrieval && !given ? await parts.choosePrompt(request.prompt) : undefined;
  const isInput = learned?.about.task === "input";
  const counts = passageCounts(request, learned);
  const found =
    isRetrieval && !isInput ? await retrieve(parts, request, counts.found, signal) : NOTHING_FOUND;
  const conditioning = given ?? (learned ? conditioningOf(learned) : undefined);
  const maxTokens = answerTokens(generator, request);
  // A system message is a hand-written prompt: it stands where a learned one would.
  const instruction = conditioning ? "" : systemText(request.messages);
  const virtualTokens = conditioning?.count ?? 0;
  const laidOut = layOutPrompt(generator.model, {
    question: request.messages.at(-1)!.text,
    passages: found.passages.slice(0, counts.read),
    history: historyOf(request.messages),
    maxTokens: generator.contextLength - maxTokens - virtualTokens,
    tooLong: ({ count, isExact }) => {
      const promptTokens = { count: count + virtualTokens, isExact };
      return contextOverflow(generator, promptTokens, maxTokens, "messages");
    },
    ...(learned ? { template: templateOf(learned) } : {}),
    ...(isInput ? { task: "input" } : {}),
    ...(instruction ? { instruction } : {}),
  });
  const { prefixIds, ids, usedPassages, takesPrompt } = laidOut;
  return {
    // Without passages in the prompt the virtual tokens have nothing to point at.
    prompt: { prefixIds, ids, conditioning: takesPrompt ? conditioning : undefined },
    usedPassages,
    learned,
    ...found,
    maxTokens,
  };
}

const NOTHING_FOUND = {
  passages: [],
  query: undefined,
  abstention: undefined,
  retrievalMs: 0,
} as const;

/** Searches `count` passages for the question, made self-contained; says why when there is nothing to answer from. */
async function retrieve(
  parts: AnswerParts,
  request: AnswerRequest,
  count: number,
  signal?: AbortSignal,
): Promise<Pick<Prepared, "passages" | "query" | "abstention" | "retrievalMs" | "rerankMs">> {
  const started = performance.now();
  const { text: query } = searchQuery(request.messages);
  const found = await parts.retrieve(query, count, signal).catch((thrown: unknown) => {
    // An empty store is an answer, not a failure: the person is told what to do.
    if (thrown instanceof RagError && thrown.code === "store/empty") return undefined;
    throw thrown;
  });
  return {
    passages: found?.passages ?? [],
    query,
    abstention: nothingRelevant(found, parts.minSimilarity),
    retrievalMs: performance.now() - started,
    rerankMs: found?.rerankMs,
  };
}

/**
 * How many passages are searched for, and how many of these the model reads: what was asked for, or as many as the learned prompt was
 * trained with. A person sees no fewer than usual.
 */
function passageCounts(
  { k }: AnswerRequest,
  learned: LearnedPrompt | undefined,
): { readonly found: number; readonly read: number } {
  const read = k ?? learned?.about.training.passagesMax ?? DEFAULT_PASSAGES;
  return { found: k ?? Math.max(read, DEFAULT_PASSAGES), read };
}

async function prepareBare(generator: Generator, request: AnswerRequest): Promise<Prepared> {
  const prompt = await layOutBareChat(generator, request.messages);
  if (!prompt) {
    const longer = { count: generator.contextLength, isExact: false };
    throw contextOverflow(generator, longer, request.maxTokens ?? 1, "messages");
  }
  const length = prompt.prefixIds.length + prompt.ids.length + (prompt.conditioning?.count ?? 0);
  const room = generator.contextLength - length;
  const maxTokens = request.maxTokens ?? Math.min(DEFAULT_ANSWER_TOKENS.bare, room);
  if (maxTokens < 1 || maxTokens > room) {
    const promptTokens = { count: length, isExact: true };
    throw contextOverflow(generator, promptTokens, Math.max(1, maxTokens), "messages");
  }
  return { prompt, usedPassages: 0, learned: undefined, ...NOTHING_FOUND, maxTokens };
}

/** The asked-for number, or the mode's usual one where the context has room for it. */
function answerTokens(generator: Generator, request: AnswerRequest): number {
  const { contextLength } = generator;
  if (request.maxTokens === undefined) {
    return Math.min(DEFAULT_ANSWER_TOKENS[request.mode], Math.floor(contextLength / 4));
  }
  if (request.maxTokens < contextLength) return request.maxTokens;
  throw contextOverflow(generator, { count: 0, isExact: false }, request.maxTokens, "messages");
}

function complete(
  { usedPassages, learned, passages, query, abstention, retrievalMs, rerankMs }: Prepared,
  made: { readonly text: string; readonly summary: TextSummary; readonly totalMs: number },
): Answer {
  const { text, summary, totalMs } = made;
  const used = abstention ? [] : passages.slice(0, usedPassages);
  const silence = abstention ?? (isNoAnswer() ? abstentionFor("no-answer") : undefined);
  return {
    answer: text,
    abstained: silence !== undefined,
    ...(silence && { abstention: silence }),
    prompt: learned?.about.name ?? null,
    ...(query !== undefined && { query }),
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
      ...(rerankMs !== undefined && { rerankMs }),
      prefillMs: summary.prefillMs,
      decodeMs: summary.decodeMs,
      totalMs,
    },
  };

  /** Only who read passages and ended by itself says that they hold no answer. */
  function isNoAnswer(): boolean {
    const hasEnded = summary.finishReason === "stop" && !summary.hasMetStopText;
    return text === "" && used.length > 0 && hasEnded;
  }
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
