import { RagError } from "../core/index.ts";
import type { Generator, TokenCount } from "../generator/index.ts";

/** OpenAI's sentence, with both numbers. `param`: the request's field that is too long. */
export function contextOverflow(
  { contextLength }: Pick<Generator, "contextLength">,
  { count: promptTokens, isExact }: TokenCount,
  answerTokens: number,
  param: "messages" | "prompt",
): RagError {
  const least = isExact ? "" : "more than ";
  return new RagError(
    "context/overflow",
    `This model's maximum context length is ${contextLength} tokens, however ${least}${promptTokens + answerTokens} were requested (${least}${promptTokens} in the ${param}, ${answerTokens} for the answer); shorten the ${param} or ask for fewer tokens.`,
    { param },
  );
}
