import { randomInt, randomUUID } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type { Log } from "../../core/index.ts";
import type { Answer, Answerer, AnswerRequest, ScoredToken } from "../answerer.ts";
import { type ChatRequest, parseChatRequest } from "./chat-request.ts";
import {
  ABSTENTION,
  type Choice,
  chatChunk,
  chatCompletion,
  evidence,
  type ResponseHead,
  usageChunk,
} from "./chat-response.ts";
import { clientSignal } from "./client-signal.ts";
import { errorBody, logFailure } from "./error-responses.ts";
import { EventStream } from "./event-stream.ts";
import { servedModel } from "./served-models.ts";
import type { ServerState } from "./server-state.ts";
import type { WorkQueue } from "./work-queue.ts";

export interface ChatParts {
  readonly answerer: Answerer;
  readonly state: ServerState;
  readonly queue: WorkQueue;
  readonly log: Log;
}

/** `POST /v1/chat/completions`, plain and streamed. */
export function chatRoutes(parts: ChatParts): Router {
  const router = Router();
  router.post("/v1/chat/completions", async (request: Request, response: Response) => {
    parts.state.requireReady();
    const chat = parseChatRequest(request.body);
    const asked = await toAnswerRequest(parts.answerer, chat);
    const signal = clientSignal(response);
    const leave = await parts.queue.enter(signal);
    try {
      const head = {
        id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
        created: Math.floor(Date.now() / 1000),
        model: chat.model,
      };
      const turn = { parts, chat, asked, head, signal };
      if (chat.isStream) await streamAnswers(turn, response);
      else response.json(chatCompletion(head, await allAnswers(turn)));
    } catch (thrown) {
      // Nobody is there to be told.
      if (!signal.aborted) throw thrown;
    } finally {
      leave();
    }
  });
  return router;
}

interface Turn {
  readonly parts: ChatParts;
  readonly chat: ChatRequest;
  /** For the first choice; the others differ in their seed. */
  readonly asked: AnswerRequest;
  readonly head: ResponseHead;
  readonly signal: AbortSignal;
}

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
  };
}

async function allAnswers(turn: Turn): Promise<Choice[]> {
  const choices: Choice[] = [];
  for (let index = 0; index < turn.chat.choices; index++) {
    const tokens: ScoredToken[] = [];
    const pieces = turn.parts.answerer.answer(requestFor(turn, index), turn.signal);
    let next = await pieces.next();
    for (; !next.done; next = await pieces.next()) tokens.push(...next.value.tokens);
    choices.push({
      answer: next.value,
      tokens: turn.chat.logProbabilities ? tokens : undefined,
    });
  }
  return choices;
}

const requestFor = ({ asked }: Turn, index: number): AnswerRequest => ({
  ...asked,
  sampling: { ...asked.sampling, seed: asked.sampling.seed + index },
});

/** Errors before the first byte are ordinary responses; later ones are an event. */
async function streamAnswers(turn: Turn, response: Response): Promise<void> {
  const { chat, head, parts } = turn;
  const answers: Answer[] = [];
  let stream: EventStream | undefined;
  const begin = () => {
    stream ??= new EventStream(response);
    return stream;
  };
  try {
    for (let index = 0; index < chat.choices; index++) {
      answers.push(await streamAnswer(turn, index, begin));
    }
    if (chat.includesUsage) await begin().send(usageChunk(head, answers));
    await begin().send("[DONE]");
  } catch (thrown) {
    if (stream === undefined || turn.signal.aborted) throw thrown;
    logFailure(parts.log, response, thrown);
    await stream.send(errorBody(thrown));
  }
  stream?.end();
}

async function streamAnswer(turn: Turn, index: number, begin: () => EventStream): Promise<Answer> {
  const { chat, head } = turn;
  const send = (choice: Omit<Parameters<typeof chatChunk>[1], "index">) =>
    begin().send(chatChunk(head, { index, ...choice }, chat.includesUsage));
  const pieces = turn.parts.answerer.answer(requestFor(turn, index), turn.signal);
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
  if (answer.abstained) await send({ delta: { content: ABSTENTION } });
  await send({ delta: evidence(answer), finishReason: answer.finishReason });
  return answer;
}
