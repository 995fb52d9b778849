import { randomInt } from "node:crypto";
import type { CallbackManagerForLLMRun } from "@langchain/core/callbacks/manager";
import {
  BaseChatModel,
  type BaseChatModelCallOptions,
  type BaseChatModelParams,
} from "@langchain/core/language_models/chat_models";
import {
  AIMessage,
  AIMessageChunk,
  type BaseMessage,
  type UsageMetadata,
} from "@langchain/core/messages";
import { ChatGenerationChunk, type ChatResult } from "@langchain/core/outputs";
import { RagError } from "../../core/index.ts";
import type { Answer, Answerer, AnswerRequest, Message } from "../answerer.ts";
import { type ForewordOptions, openForeword } from "../open-foreword.ts";
import { servedModel } from "../served-models.ts";

/** What can be set for one call. */
export interface ChatForewordCallOptions extends BaseChatModelCallOptions {
  readonly temperature?: number;
  readonly topP?: number;
  readonly maxTokens?: number;
  readonly seed?: number;
}

export interface ChatForewordFields extends BaseChatModelParams {
  readonly answerer: Answerer;
  /** As over HTTP: "foreword" (the default), "foreword@NAME", "foreword@none", "base". */
  readonly model?: string | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly maxTokens?: number | undefined;
  readonly close?: () => Promise<void>;
}

/**
 * Foreword as LangChain's chat model, in this process: answers from the store's documents with a learned prompt. Usage is in
 * `usage_metadata`, sources and times in `response_metadata`.
 */
export class ChatForeword extends BaseChatModel<ChatForewordCallOptions> {
  readonly #answerer: Answerer;
  readonly #fields: ChatForewordFields;
  readonly model: string;

  constructor(fields: ChatForewordFields) {
    super(fields);
    this.#answerer = fields.answerer;
    this.#fields = fields;
    this.model = fields.model ?? "foreword";
  }

  /** Opens a store and its models. `model` here is one of HTTP's names; the generator is `generator`. Close it when done. */
  static open(
    options: Omit<ForewordOptions, "model"> &
      Omit<ChatForewordFields, "answerer" | "close"> & { readonly generator?: string } = {},
  ): ChatForeword {
    const { generator, model, temperature, topP, maxTokens, ...rest } = options;
    const { store, cache, embedder, prompt, k, minSimilarity, threads, contextLength } = rest;
    const settings = { store, cache, embedder, prompt, k, minSimilarity, threads, contextLength };
    const opened = openForeword(definedOf({ ...settings, model: generator }));
    const { answerer, close } = opened;
    return new ChatForeword({ ...rest, answerer, close, model, temperature, topP, maxTokens });
  }

  override _llmType(): string {
    return "foreword";
  }

  override async _generate(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): Promise<ChatResult> {
    const pieces = this.#pieces(messages, options);
    let next = await pieces.next();
    for (; !next.done; next = await pieces.next()) await runManager?.handleLLMNewToken(next.value);
    const answer = next.value;
    const text = shownText(answer);
    const message = new AIMessage(fieldsOf(text, this.#metadata(answer)));
    return { generations: [{ text, message }], llmOutput: { tokenUsage: tokenUsage(answer) } };
  }

  override async *_streamResponseChunks(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    const pieces = this.#pieces(messages, options);
    let next = await pieces.next();
    for (; !next.done; next = await pieces.next()) {
      const text = next.value;
      yield new ChatGenerationChunk({ text, message: new AIMessageChunk({ content: text }) });
      await runManager?.handleLLMNewToken(text);
    }
    const text = next.value.abstention?.message ?? "";
    const message = new AIMessageChunk(fieldsOf(text, this.#metadata(next.value)));
    yield new ChatGenerationChunk({ text, message });
  }

  /** Frees the models, where this opened them. */
  async close(): Promise<void> {
    await this.#fields.close?.();
  }

  /** The answer's text as it comes, and the answer. */
  async *#pieces(
    messages: readonly BaseMessage[],
    options: this["ParsedCallOptions"],
  ): AsyncGenerator<string, Answer> {
    const request = await this.#request(messages, options);
    const pieces = this.#answerer.answer(request, options.signal);
    for (;;) {
      const { value, done } = await pieces.next();
      if (done) return value;
      if (value.text !== "") yield value.text;
    }
  }

  async #request(
    messages: readonly BaseMessage[],
    options: this["ParsedCallOptions"],
  ): Promise<AnswerRequest> {
    const { mode, prompt } = await servedModel(this.#answerer, this.model);
    const { temperature = 0, topP = 1, maxTokens } = this.#fields;
    return {
      mode,
      prompt,
      messages: messages.map(toMessage),
      maxTokens: options.maxTokens ?? maxTokens,
      sampling: {
        temperature: options.temperature ?? temperature,
        topP: options.topP ?? topP,
        seed: options.seed ?? randomInt(2 ** 31),
      },
      stop: options.stop ?? [],
      logProbabilities: false,
    };
  }

  #metadata(answer: Answer): {
    readonly usage_metadata: UsageMetadata;
    readonly response_metadata: Record<string, unknown>;
  } {
    const { promptTokens, completionTokens, cachedTokens } = answer.usage;
    return {
      usage_metadata: {
        input_tokens: promptTokens,
        output_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
        input_token_details: { cache_read: cachedTokens },
      },
      response_metadata: {
        model_name: this.model,
        finish_reason: answer.finishReason,
        sources: answer.citations,
        passages: answer.passages,
        prompt: answer.prompt,
        timings: answer.timings,
        ...(answer.query === undefined ? {} : { query: answer.query }),
        ...(answer.abstention && { abstention: answer.abstention }),
      },
    };
  }
}

/** LangChain's own type of a plain message's fields leaves usage out. */
const fieldsOf = (content: string, metadata: object) =>
  ({ content, ...metadata }) as { readonly content: string };

const shownText = ({ abstention, answer }: Answer): string => abstention?.message ?? answer;

const tokenUsage = ({ usage }: Answer) => ({
  promptTokens: usage.promptTokens,
  completionTokens: usage.completionTokens,
  totalTokens: usage.promptTokens + usage.completionTokens,
});

const ROLES: Readonly<Record<string, Message["role"]>> = {
  system: "system",
  developer: "system",
  human: "user",
  ai: "assistant",
};

function toMessage(message: BaseMessage): Message {
  const type = message.getType();
  const role = ROLES[type];
  if (role) return { role, text: message.text };
  throw new RagError(
    "request/unsupported",
    `messages: expected system, human and ai messages, found ${type}; Foreword's model calls no tools.`,
    { param: "messages" },
  );
}

/** Without what was not given: a setting that is undefined is not a setting. */
function definedOf(options: Readonly<Record<string, unknown>>): ForewordOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as ForewordOptions;
}
