import { randomInt } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type { Answer, Answerer, AnswerRequest, ScoredToken } from "../answerer.ts";
import { servedModel } from "../served-models.ts";
import { type ChatRequest, parseChatRequest } from "./chat-request.ts";
import {
  type Choice,
  chatChunk,
  chatCompletion,
  evidence,
  shownText,
  usageChunk,
} from "./chat-response.ts";
import { countedPieces } from "./counted-pieces.ts";
import { EventStream, streamOrThrow } from "./event-stream.ts";
import type { RequestLifetime } from "./request-lifetime.ts";
import { newHead, type ResponseHead } from "./response-parts.ts";
import { inTurn, type ServerParts } from "./server-parts.ts";

/** `POST /v1/chat/completions`, plain and streamed. */
export function chatRoutes(parts: ServerParts): Router {
  const router = Router();
  router.post("/v1/chat/completions", async (request: Request, response: Response) => {
    parts.state.requireReady();
    const chat = parseChatRequest(request.body);
    const asked = await toAnswerRequest(parts.answerer, chat);
    const started = performance.now();
    await inTurn(parts, parts.queue, response, async (lifetime) => {
      const head = newHead("chatcmpl", chat.model);
      const turn = { parts, chat, asked, head, lifetime, started };
      if (chat.isStream) return streamAnswers(turn, response);
      const choices = await Promise.all(indices(chat).map((index) => wholeChoice(turn, index)));
      response.json(chatCompletion(head, choices, { isFull: chat.includesEvidence }));
    });
  });
  return router;
}

interface ChatTurn {
  readonly parts: ServerParts;
  readonly chat: ChatRequest;
  /** For the first choice; the others differ in their seed. */
  readonly asked: AnswerRequest;
  readonly head: ResponseHead;
  readonly lifetime: RequestLifetime;
  readonly started: number;
}

const indices = ({ choices }: ChatRequest) => Array.from({ length: choices }, (_, index) => index);

async function toAnswerRequest(answerer: Answerer, chat: ChatRequest): Promise<AnswerRequest> {
  const { mode, prompt } = await servedModel(answerer, chat.model);
  return {
    mode,
    prompt,
    messages: chat.messages,
    maxTokens: chat.maxTokens,
    sampling: {
      temperature: chat.temperature,
      topP: chat.topP,
      seed: chat.seed ?? randomInt(2 ** 31),
    },
    stop: chat.stop,
    logProbabilities: chat.logProbabilities,
    topLogProbabilities: chat.topLogProbabilities,
  };
}

/** One choice's pieces, counted. */
function choicePieces({ parts, asked, lifetime, started }: ChatTurn, index: number) {
  const { sampling } = asked;
  const request = { ...asked, sampling: { ...sampling, seed: sampling.seed + index } };
  const pieces = parts.answerer.answer(request, lifetime.signal);
  return countedPieces(pieces, parts.metrics, started);
}

async function wholeChoice(turn: ChatTurn, index: number): Promise<Choice> {
  const tokens: ScoredToken[] = [];
  const pieces = choicePieces(turn, index);
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) tokens.push(...next.value.tokens);
  return { answer: next.value, tokens: turn.chat.logProbabilities ? tokens : undefined };
}

async function streamAnswers(turn: ChatTurn, response: Response): Promise<void> {
  const { chat, head, parts, lifetime } = turn;
  const stream = new EventStream(response);
  await streamOrThrow({ stream, lifetime, log: parts.log }, async () => {
    const answers = await Promise.all(
      indices(chat).map((index) => streamChoice(turn, index, stream)),
    );
    if (chat.includesUsage) await stream.send(usageChunk(head, answers));
    await stream.send("[DONE]");
  });
}

async function streamChoice(turn: ChatTurn, index: number, stream: EventStream): Promise<Answer> {
  const { chat, head } = turn;
  const send = (choice: Omit<Parameters<typeof chatChunk>[1], "index">) =>
    stream.send(chatChunk(head, { index, ...choice }, chat.includesUsage));
  const pieces = choicePieces(turn, index);
  // Retrieval and reading the passages can still fail; only then the stream begins.
  let next = await pieces.next();
  await send({ delta: { role: "assistant", content: "", refusal: null } });
  for (; !next.done; next = await pieces.next()) {
    const { text, tokens } = next.value;
    await send({
      delta: { content: text },
      tokens: chat.logProbabilities ? tokens : undefined,
    });
  }
  const answer = next.value;
  if (answer.abstention) await send({ delta: { content: shownText(answer) } });
  const delta = evidence(answer, { isFull: chat.includesEvidence });
  await send({ delta, finishReason: answer.finishReason });
  return answer;
}
