import { Tiktoken } from "js-tiktoken/lite";
import cl100kBase from "js-tiktoken/ranks/cl100k_base";
import { RagError } from "../../core/index.ts";

let tokenizer: Tiktoken | undefined;

/**
 * Text of ids in OpenAI's cl100k_base vocabulary, which its embedding models have: clients that split long texts send these
 * instead of text.
 * @throws RagError request/invalid when the ids are no text
 */
export function decodeOpenAiTokens(ids: readonly number[]): string {
  tokenizer ??= new Tiktoken(cl100kBase);
  const text = tokenizer.decode([...ids]);
  if (text !== "") return text;
  throw new RagError(
    "request/invalid",
    "input: expected token ids of OpenAI's cl100k_base vocabulary, found none; send text instead.",
    { param: "input" },
  );
}
