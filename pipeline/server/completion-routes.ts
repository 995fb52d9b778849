import { randomInt } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type { CompletionRequest, ScoredToken } from "../answerer.ts";
import { type ServedModel, servedModel } from "../served-models.ts";
import { type CompletionRequestBody, parseCompletionRequest } from "./completion-request.ts";
import {
  type CompletionChoice,
  completionChunk,
  completionUsage,
  textCompletion,
  tokenScores,
} from "./completion-response.ts";
import { countedPieces } from "./counted-pieces.ts";
import { EventStream, streamOrThrow } from "./event-stream.ts";
import { questionCompletion } from "./question-completion.ts";
import type { RequestLifetime } from "./request-lifetime.ts";
import { newHead, type ResponseHead } from "./response-parts.ts";
import { inTurn, type ServerParts } from "./server-parts.ts";

/**
 * `POST /v1/completions`, plain and streamed. With `base` the text itself is continued. With a model that retrieves, a text is a
 * question answered from the documents; token ids, embeddings and texts to be scored (`echo`) always go to the model as they are.
 */
export function completionRoutes(parts: ServerParts): Router {
  const router = Router();
  router.post("/v1/completions", async (request: Request, response: Response) => {
    parts.state.requireReady();
    const asked = parseCompletionRequest(request.body);
    const served = await servedModel(parts.answerer, asked.model);
    const seed = asked.seed ?? randomInt(2 ** 31);
    const started = performance.now();
    await inTurn(parts, parts.queue, response, async (lifetime) => {
      const head = newHead("cmpl", asked.model);
      const turn = { parts, asked, served, head, lifetime, seed, started };
      if (asked.isStream) return streamChoices(turn, response);
      const choices = await Promise.all(
        choiceIndices(asked).map((index) => wholeChoice(turn, index)),
      );
      response.json(textCompletion(head, choices, viewOf(asked)));
    });
  });
  return router;
}

interface CompletionTurn {
  readonly parts: ServerParts;
  readonly asked: CompletionRequestBody;
  readonly served: ServedModel;
  readonly head: ResponseHead;
  readonly lifetime: RequestLifetime;
  readonly seed: number;
  readonly started: number;
}

const choiceIndices = ({ prompts, choices }: CompletionRequestBody) =>
  Array.from({ length: prompts.length * choices }, (_, index) => index);

const viewOf = ({ isEcho, logProbabilities, choices }: CompletionRequestBody) => ({
  isEcho,
  logProbabilities,
  perPrompt: choices,
});

function requestFor({ asked, seed }: CompletionTurn, index: number): CompletionRequest {
  const { logProbabilities, isEcho, maxTokens, temperature, topP, stop } = asked;
  return {
    prompt: asked.prompts[Math.floor(index / asked.choices)]!,
    maxTokens,
    sampling: { temperature, topP, seed: seed + (index % asked.choices) },
    stop,
    logProbabilities: logProbabilities !== undefined,
    topLogProbabilities: logProbabilities ?? 0,
    scorePrompt: isEcho && logProbabilities !== undefined,
  };
}

/** One choice's pieces, counted. */
function choicePieces(turn: CompletionTurn, index: number) {
  const { parts, asked, served, lifetime, started } = turn;
  const request = requestFor(turn, index);
  const { prompt } = request;
  const isQuestion = served.mode !== "bare" && typeof prompt === "string" && !asked.isEcho;
  const pieces = isQuestion
    ? questionCompletion(parts.answerer, { ...request, prompt }, served, lifetime.signal)
    : parts.answerer.complete(request, lifetime.signal);
  return countedPieces(pieces, parts.metrics, started);
}

async function wholeChoice(turn: CompletionTurn, index: number): Promise<CompletionChoice> {
  const tokens: ScoredToken[] = [];
  const pieces = choicePieces(turn, index);
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) tokens.push(...next.value.tokens);
  return { completion: next.value, tokens };
}

async function streamChoices(turn: CompletionTurn, response: Response): Promise<void> {
  const { asked, head, parts, lifetime } = turn;
  const stream = new EventStream(response);
  await streamOrThrow({ stream, lifetime, log: parts.log }, async () => {
    const choices = await Promise.all(
      choiceIndices(asked).map((index) => streamChoice(turn, index, stream)),
    );
    if (asked.includesUsage) {
      const usage = completionUsage(choices, asked.choices);
      await stream.send({ ...head, object: "text_completion", choices: [], usage });
    }
    await stream.send("[DONE]");
  });
}

async function streamChoice(
  turn: CompletionTurn,
  index: number,
  stream: EventStream,
): Promise<CompletionChoice> {
  const { asked, head } = turn;
  const isScored = asked.logProbabilities !== undefined;
  let offset = 0;
  const send = (text: string, tokens: readonly ScoredToken[], finishReason?: string) => {
    const logprobs = isScored && tokens.length > 0 ? tokenScores(tokens, offset) : null;
    offset += text.length;
    const choice = { index, text, logprobs, ...(finishReason && { finishReason }) };
    return stream.send(completionChunk(head, choice, asked.includesUsage));
  };
  const pieces = choicePieces(turn, index);
  const held: { readonly text: string; readonly tokens: readonly ScoredToken[] }[] = [];
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) {
    // The prompt comes first, and is known at the end.
    if (asked.isEcho) held.push(next.value);
    else await send(next.value.text, next.value.tokens);
  }
  const completion = next.value;
  if (asked.isEcho) {
    await send(completion.promptText, completion.promptTokens);
    for (const { text, tokens } of held) await send(text, tokens);
  }
  await send("", [], completion.finishReason);
  return { completion, tokens: [] };
}
