import { RagError } from "../core/index.ts";
import type { Generator } from "../generator/index.ts";

/** OpenAI's sentence, with both numbers. `param`: the request's field that is too long. */
export function contextOverflow(
  { contextLength }: Pick<Generator, "contextLength">,
  promptTokens: number,
  answerTokens: number,
  param: "messages" | "prompt",
): RagError {
  return new RagError(
    "context/overflow",
    `This model's maximum context length is ${contextLength} tokens, however ${promptTokens + answerTokens} were requested (${promptTokens} in the ${param}, ${answerTokens} for the answer); shorten the ${param} or ask for fewer tokens.`,
    { param },
  );
}
