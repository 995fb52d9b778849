import { z } from "zod";
import { RagError } from "../../core/index.ts";
import type { Message } from "../answerer.ts";
import { type PromptEmbeddings, readPromptEmbeddings } from "../prompt-embeddings.ts";
import {
  generationFields,
  MAX_TOP_LOG_PROBABILITIES,
  parseGeneration,
  type SharedSettings,
  tokenLimit,
  UNSUPPORTED_FIELDS,
} from "./generation-fields.ts";
import {
  hasEntries,
  MAX_CHARACTERS,
  MAX_MESSAGES,
  type UnsupportedFields,
} from "./request-fields.ts";

const textPart = z.object({ type: z.literal("text"), text: z.string().max(MAX_CHARACTERS) });
/** As vLLM takes it: base64 of a saved torch tensor [tokens, H]. */
const embeddingsPart = z.object({ type: z.literal("prompt_embeds"), data: z.string().min(1) });
const part = z.discriminatedUnion("type", [textPart, embeddingsPart]);
const CONTENT_EXPECTED =
  "expected a string or a list of text and prompt_embeds parts (images and sound are not supported)";
const content = z.union([z.string().max(MAX_CHARACTERS), z.array(part).max(MAX_MESSAGES)], {
  error: CONTENT_EXPECTED,
});
const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]),
  /** Null or left out only by an assistant that said nothing. */
  content: content.nullish(),
});
/** A conversation as OpenAI's clients send it. */
export const conversation = z.array(message).min(1).max(MAX_MESSAGES);
/** Of an answer. */
export const answerLimit = tokenLimit.refine((value) => value !== 0, "expected at least 1");

/** What is read of a request; fields of OpenAI's that are not here are ignored. */
export const chatRequestSchema = z.object({
  ...generationFields,
  messages: conversation,
  max_tokens: answerLimit,
  max_completion_tokens: answerLimit,
  logprobs: z.boolean().nullish(),
  top_logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBABILITIES).nullish(),
  include_evidence: z.boolean().nullish(),
});

/** A chat request, checked. */
export interface ChatRequest extends SharedSettings {
  readonly messages: readonly Message[];
  readonly maxTokens: number | undefined;
  readonly logProbabilities: boolean;
  readonly topLogProbabilities: number;
  /** Asks for every passage that was retrieved, used or not, and the times of each stage; not a field of OpenAI's. */
  readonly includesEvidence: boolean;
}

/** What a conversation may ask for beyond an answer in words. */
export const UNSUPPORTED_IN_CHAT: UnsupportedFields = {
  ...UNSUPPORTED_FIELDS,
  audio: hasEntries,
  modalities: (value) => !Array.isArray(value) || value.some((one) => one !== "text"),
  // An empty object asks for a search, too.
  web_search_options: () => true,
};

/** @throws RagError request/invalid or request/unsupported, with the field as `param` */
export function parseChatRequest(body: unknown): ChatRequest {
  const { data, shared } = parseGeneration(body, {
    schema: chatRequestSchema,
    unsupported: UNSUPPORTED_IN_CHAT,
  });
  const messages = toMessages(data.messages);
  const topLogProbabilities = data.top_logprobs ?? 0;
  if (topLogProbabilities > 0 && !data.logprobs) {
    throw new RagError("request/invalid", "top_logprobs: needs logprobs to be true.", {
      param: "top_logprobs",
    });
  }
  return {
    ...shared,
    messages,
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    logProbabilities: data.logprobs ?? false,
    topLogProbabilities,
    includesEvidence: data.include_evidence ?? false,
  };
}

/** A checked conversation, whose last message is the question. @throws RagError request/invalid with `param` */
export function toMessages(sent: z.infer<typeof conversation>): readonly Message[] {
  const messages = sent.map(toMessage);
  requireQuestion(messages);
  return messages;
}

function toMessage({ role, content: own }: z.infer<typeof message>, index: number): Message {
  const name = role === "developer" ? "system" : role;
  if (own === null || own === undefined) {
    if (role === "assistant") return { role, text: "" };
    const param = `messages[${index}].content`;
    throw new RagError("request/invalid", `${param}: ${CONTENT_EXPECTED}.`, { param });
  }
  if (typeof own === "string") return { role: name, text: own };
  const text = own.flatMap((one) => (one.type === "text" ? [one.text] : [])).join("\n");
  if (own.every(({ type }) => type === "text")) return { role: name, text };
  const parts = own.map((one, place): string | PromptEmbeddings =>
    one.type === "text"
      ? one.text
      : readPromptEmbeddings(one.data, `messages[${index}].content[${place}].data`),
  );
  return { role: name, text, parts };
}

function requireQuestion(messages: readonly Message[]): void {
  const last = messages.at(-1)!;
  if (last.role === "user" && (last.text.trim() !== "" || last.parts !== undefined)) return;
  throw new RagError(
    "request/invalid",
    "messages: the last one must be the user's question and not empty.",
    { param: "messages" },
  );
}
