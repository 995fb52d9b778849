import { z } from "zod";
import { RagError } from "../../core/index.ts";
import type { Message } from "../answerer.ts";

const MAX_MESSAGES = 1000;
const MAX_CHARACTERS = 1_000_000;
const MAX_STOPS = 16;
const MAX_CHOICES = 8;

const textPart = z.object({ type: z.literal("text"), text: z.string().max(MAX_CHARACTERS) });
const content = z.union([z.string().max(MAX_CHARACTERS), z.array(textPart).max(MAX_MESSAGES)], {
  error: "expected a string or a list of text parts (images and sound are not supported)",
});
const message = z.object({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content,
});

/** What is read of a request; fields of OpenAI's that are not here are ignored. */
const schema = z.object({
  model: z.string().max(256),
  messages: z.array(message).min(1).max(MAX_MESSAGES),
  max_tokens: z.int().min(1).max(1_000_000).nullish(),
  max_completion_tokens: z.int().min(1).max(1_000_000).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  stop: z.union([z.string(), z.array(z.string()).max(MAX_STOPS)]).nullish(),
  seed: z.int().nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  logprobs: z.boolean().nullish(),
});

/** A chat request, checked. */
export interface ChatRequest {
  readonly model: string;
  readonly messages: readonly Message[];
  readonly maxTokens: number | undefined;
  /** 0 unless asked for: answers from documents should not vary. */
  readonly temperature: number;
  readonly topP: number;
  readonly stop: readonly string[];
  readonly seed: number | undefined;
  readonly choices: number;
  readonly isStream: boolean;
  readonly includesUsage: boolean;
  readonly logProbabilities: boolean;
}

/** @throws RagError request/invalid or request/unsupported, with the field as `param` */
export function parseChatRequest(body: unknown): ChatRequest {
  refuseUnsupported(body);
  const result = schema.safeParse(body);
  if (!result.success) throw invalidRequest(result.error);
  const { data } = result;
  const messages = data.messages.map(toMessage);
  requireQuestion(messages);
  return {
    model: data.model,
    messages,
    maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
    temperature: data.temperature ?? 0,
    topP: data.top_p ?? 1,
    stop: [data.stop ?? []].flat().filter((text) => text !== ""),
    seed: data.seed ?? undefined,
    choices: data.n ?? 1,
    isStream: data.stream ?? false,
    includesUsage: data.stream_options?.include_usage ?? false,
    logProbabilities: data.logprobs ?? false,
  };
}

/** The first thing wrong, as one sentence with the field's path. */
export function invalidRequest(error: z.ZodError): RagError {
  const issue = error.issues[0]!;
  const path = issue.path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "");
  return new RagError("request/invalid", `${path || "body"}: ${issue.message}.`, {
    ...(path === "" ? {} : { param: path }),
  });
}

type Raw = Readonly<Record<string, unknown>>;

/** Fields that would change the answer in a way this server cannot; empty ones are harmless. */
const UNSUPPORTED: Readonly<Record<string, (value: unknown) => boolean>> = {
  tools: (value) => Array.isArray(value) && value.length > 0,
  functions: (value) => Array.isArray(value) && value.length > 0,
  response_format: (value) => (value as Raw | null)?.type !== "text",
  top_logprobs: (value) => value !== 0,
  logit_bias: (value) => Object.keys(value as object).length > 0,
};

function refuseUnsupported(body: unknown): void {
  if (typeof body !== "object" || body === null) return;
  for (const [param, isUsed] of Object.entries(UNSUPPORTED)) {
    const value = (body as Raw)[param];
    if (value === undefined || value === null || !isUsed(value)) continue;
    throw new RagError(
      "request/unsupported",
      `${param}: is not supported by this server; leave it out.`,
      { param },
    );
  }
}

function toMessage({ role, content: own }: z.infer<typeof message>): Message {
  const text = typeof own === "string" ? own : own.map((part) => part.text).join("\n");
  return { role: role === "developer" ? "system" : role, text };
}

function requireQuestion(messages: readonly Message[]): void {
  const last = messages.at(-1)!;
  if (last.role === "user" && last.text.trim() !== "") return;
  throw new RagError(
    "request/invalid",
    "messages: the last one must be the user's question and not empty.",
    { param: "messages" },
  );
}
