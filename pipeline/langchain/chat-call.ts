import type { BaseMessage } from "@langchain/core/messages";
import { z } from "zod";
import { RagError } from "../../core/index.ts";
import type { Message } from "../answerer.ts";
import {
  answerLimit,
  conversation,
  toMessages,
  UNSUPPORTED_IN_CHAT,
} from "../server/chat-request.ts";
import { generationFields, stopTexts } from "../server/generation-fields.ts";
import { parseBody, refuseUnsupported } from "../server/request-fields.ts";

/** The server's limits, under the names they have here. */
const settings = {
  model: generationFields.model,
  temperature: generationFields.temperature,
  topP: generationFields.top_p,
  maxTokens: answerLimit,
  seed: generationFields.seed,
  stop: generationFields.stop,
};
const settingsSchema = z.object(settings);
const callSchema = z.object({ ...settings, messages: conversation });

type Settings = z.infer<typeof settingsSchema>;

/** What is asked of a chat model: the server's conditions hold here too. */
export interface ChatCall extends Omit<Settings, "stop"> {
  /** Oldest first; the last one is the question. */
  readonly messages: readonly Message[];
  readonly stop: readonly string[];
}

/** @throws RagError request/invalid with the setting as `param` */
export function checkChatSettings(given: Settings): void {
  parseBody(settingsSchema, given);
}

/**
 * A call of LangChain's, checked as the server checks a request. `options`: all of the call's, of which those are refused that ask for
 * more than an answer in words.
 * @throws RagError request/invalid, request/unsupported, with the setting or message as `param`
 */
export function readChatCall(
  messages: readonly BaseMessage[],
  given: Settings,
  options: object,
): ChatCall {
  refuseUnsupported(options, UNSUPPORTED_IN_CHAT);
  const call = parseBody(callSchema, { ...given, messages: messages.map(toSent) });
  return { ...call, messages: toMessages(call.messages), stop: stopTexts(call.stop) };
}

const ROLES: Readonly<Record<string, string>> = {
  system: "system",
  developer: "system",
  human: "user",
  ai: "assistant",
};

/** As a client would send it. */
function toSent(message: BaseMessage): { readonly role: string; readonly content: unknown } {
  const type = message.getType();
  const role = ROLES[type];
  if (role) return { role, content: message.content };
  throw new RagError(
    "request/unsupported",
    `messages: expected system, human and ai messages, found ${type}; Foreword's model calls no tools.`,
    { param: "messages" },
  );
}
