import { randomInt } from "node:crypto";
import { type Request, type Response, Router } from "express";
import { RagError } from "../../core/index.ts";
import type {
  Answerer,
  Completion,
  CompletionRequest,
  ScoredToken,
  TextPiece,
} from "../answerer.ts";
import { type ServedModel, servedModel } from "../served-models.ts";
import { type ChoicesFormat, sendChoices } from "./choices.ts";
import {
  type CompletionPrompt,
  type CompletionRequestBody,
  parseCompletionRequest,
} from "./completion-request.ts";
import {
  completionChunk,
  completionUsage,
  textCompletion,
  tokenScores,
} from "./completion-response.ts";
import { questionCompletion } from "./question-completion.ts";
import { newHead } from "./response-parts.ts";
import type { ServerParts } from "./server-parts.ts";

/** Whether a prompt is a question to the documents, and not for the model as it is. */
const isQuestion = (
  prompt: CompletionPrompt,
  { isEcho }: CompletionRequestBody,
  { mode }: ServedModel,
): prompt is string => mode !== "bare" && typeof prompt === "string" && !isEcho;

/**
 * `POST /v1/completions`, plain and streamed. With `base` the text itself is continued. With a model that retrieves, a text is a
 * question answered from the documents; token ids, embeddings and texts to be scored (`echo`) always go to the model as they are.
 */
export function completionRoutes(parts: ServerParts): Router {
  const router = Router();
  router.post("/v1/completions", async (request: Request, response: Response) => {
    parts.state.requireReady();
    const asked = parseCompletionRequest(request.body);
    await sendChoices(parts, response, async () => {
      const served = await servedModel(parts.answerer, asked.model);
      requireQuestions(asked, served);
      return completionFormat(parts.answerer, asked, served);
    });
  });
  return router;
}

function completionFormat(
  answerer: Answerer,
  asked: CompletionRequestBody,
  served: ServedModel,
): ChoicesFormat<Completion> {
  const head = newHead("cmpl", asked.model);
  const seed = asked.seed ?? randomInt(2 ** 31);
  const { isEcho, logProbabilities, choices: perPrompt } = asked;
  return {
    count: asked.prompts.length * perPrompt,
    isStream: asked.isStream,
    pieces: (index, signal) => {
      const request = requestFor(asked, index, seed);
      const { prompt } = request;
      return isQuestion(prompt, asked, served)
        ? questionCompletion(answerer, { ...request, prompt }, served, signal)
        : answerer.complete(request, signal);
    },
    body: (choices) => textCompletion(head, choices, { isEcho, logProbabilities, perPrompt }),
    stream: (index, pieces, sendChunk) => {
      let offset = 0;
      return streamText(pieces, isEcho, (text, tokens, finishReason) => {
        const isScored = logProbabilities !== undefined && tokens.length > 0;
        const logprobs = isScored ? tokenScores(tokens, offset) : null;
        // Not of what is shown: some of that is held back, where a stop text may come or half a character has.
        for (const token of tokens) offset += token.text.length;
        const choice = { index, text, logprobs, ...(finishReason && { finishReason }) };
        return sendChunk(completionChunk(head, choice, asked.includesUsage));
      });
    },
    lastChunk: (completions) => {
      if (!asked.includesUsage) return undefined;
      const usage = completionUsage(completions, perPrompt);
      return { ...head, object: "text_completion", choices: [], usage };
    },
  };
}

/** @throws RagError request/invalid for a question of white space only */
function requireQuestions(asked: CompletionRequestBody, served: ServedModel): void {
  const isBlank = (prompt: CompletionPrompt) =>
    isQuestion(prompt, asked, served) && prompt.trim() === "";
  if (!asked.prompts.some(isBlank)) return;
  throw new RagError(
    "request/invalid",
    "prompt: is a question to the documents with this model and must not be empty.",
    { param: "prompt" },
  );
}

function requestFor(asked: CompletionRequestBody, index: number, seed: number): CompletionRequest {
  const { logProbabilities, isEcho, maxTokens, sampling, stop } = asked;
  return {
    prompt: asked.prompts[Math.floor(index / asked.choices)]!,
    maxTokens,
    sampling: { ...sampling, seed: seed + (index % asked.choices) },
    stop,
    logProbabilities: logProbabilities !== undefined,
    topLogProbabilities: logProbabilities ?? 0,
    scorePrompt: isEcho && logProbabilities !== undefined,
  };
}

async function streamText(
  pieces: AsyncGenerator<TextPiece, Completion>,
  isEcho: boolean,
  send: (text: string, tokens: readonly ScoredToken[], finishReason?: string) => Promise<void>,
): Promise<Completion> {
  const held: TextPiece[] = [];
  let isSaid = false;
  let next = await pieces.next();
  for (; !next.done; next = await pieces.next()) {
    isSaid ||= next.value.text !== "";
    // The prompt comes first, and is known at the end.
    if (isEcho) held.push(next.value);
    else await send(next.value.text, next.value.tokens);
  }
  const completion = next.value;
  if (isEcho) {
    await send(completion.promptText, completion.promptTokens);
    for (const { text, tokens } of held) await send(text, tokens);
  }
  // The words of an abstention are not the model's.
  await send(isSaid ? "" : completion.text, [], completion.finishReason);
  return completion;
}
