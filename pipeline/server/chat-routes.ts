import { randomInt } from "node:crypto";
import { type Request, type Response, Router } from "express";
import type { Answer, Answerer, AnswerRequest } from "../answerer.ts";
import { servedModel } from "../served-models.ts";
import { type ChatRequest, parseChatRequest } from "./chat-request.ts";
import { chatChunk, chatCompletion, evidence, shownText, usageChunk } from "./chat-response.ts";
import { type ChoicesFormat, sendChoices } from "./choices.ts";
import { newHead } from "./response-parts.ts";
import type { ServerParts } from "./server-parts.ts";

/** `POST /v1/chat/completions`, plain and streamed. */
export function chatRoutes(parts: ServerParts): Router {
  const router = Router();
  router.post("/v1/chat/completions", async (request: Request, response: Response) => {
    parts.state.requireReady();
    const chat = parseChatRequest(request.body);
    await sendChoices(parts, response, async () => {
      const asked = await toAnswerRequest(parts.answerer, chat);
      return chatFormat(parts.answerer, chat, asked);
    });
  });
  return router;
}

async function toAnswerRequest(answerer: Answerer, chat: ChatRequest): Promise<AnswerRequest> {
  const { mode, prompt } = await servedModel(answerer, chat.model);
  return {
    mode,
    prompt,
    messages: chat.messages,
    maxTokens: chat.maxTokens,
    sampling: { ...chat.sampling, seed: chat.seed ?? randomInt(2 ** 31) },
    stop: chat.stop,
    logProbabilities: chat.logProbabilities,
    topLogProbabilities: chat.topLogProbabilities,
  };
}

/** `asked`: for the first choice; the others differ in their seed. */
function chatFormat(
  answerer: Answerer,
  chat: ChatRequest,
  asked: AnswerRequest,
): ChoicesFormat<Answer> {
  const head = newHead("chatcmpl", chat.model);
  const options = { isRetrieval: asked.mode === "retrieval", isFull: chat.includesEvidence };
  const { sampling } = asked;
  return {
    count: chat.choices,
    isStream: chat.isStream,
    pieces: (index, signal) =>
      answerer.answer({ ...asked, sampling: { ...sampling, seed: sampling.seed + index } }, signal),
    body: (choices) =>
      chatCompletion(head, choices, { ...options, isScored: chat.logProbabilities }),
    stream: async (index, pieces, sendChunk) => {
      const send = (choice: Omit<Parameters<typeof chatChunk>[1], "index">) =>
        sendChunk(chatChunk(head, { index, ...choice }, chat.includesUsage));
      // Retrieval and reading the passages can still fail; only then the stream begins.
      let next = await pieces.next();
      await send({ delta: { role: "assistant", content: "", refusal: null } });
      for (; !next.done; next = await pieces.next()) {
        const { text, tokens } = next.value;
        await send({ delta: { content: text }, ...(chat.logProbabilities && { tokens }) });
      }
      const answer = next.value;
      if (answer.abstention) await send({ delta: { content: shownText(answer) } });
      await send({ delta: evidence(answer, options), finishReason: answer.finishReason });
      return answer;
    },
    lastChunk: (answers) => (chat.includesUsage ? usageChunk(head, answers) : undefined),
  };
}
