import type { Answerer, Completion, CompletionRequest, TextPiece } from "../answerer.ts";
import type { ServedModel } from "../served-models.ts";
import { shownText } from "./chat-response.ts";

/** Answers a text as a question from the documents, in the form of a completion; of an abstention's words there is no piece. */
export async function* questionCompletion(
  answerer: Answerer,
  request: CompletionRequest & { readonly prompt: string },
  served: ServedModel,
  signal: AbortSignal,
): AsyncGenerator<TextPiece, Completion> {
  const { prompt, maxTokens, sampling, stop, logProbabilities, topLogProbabilities } = request;
  const answer = yield* answerer.answer(
    {
      mode: served.mode,
      prompt: served.prompt,
      messages: [{ role: "user", text: prompt }],
      maxTokens,
      sampling,
      stop,
      logProbabilities,
      topLogProbabilities,
    },
    signal,
  );
  return {
    promptText: prompt,
    promptTokens: [],
    text: shownText(answer),
    finishReason: answer.finishReason,
    usage: answer.usage,
    timings: answer.timings,
  };
}
