import { randomInt, randomUUID } from "node:crypto";
import { resolve } from "node:path";
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
import type { Answer, Answerer, AnswerRequest } from "../answerer.ts";
import { type ForewordOptions, openForeword } from "../open-foreword.ts";
import { servedModel } from "../served-models.ts";
import { DEFAULT_STORE } from "../settings.ts";
import { checkChatSettings, readChatCall } from "./chat-call.ts";

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
  /** What tells this answerer from others in LangChain's cache; without it, its answers are shared by nobody else. */
  readonly identity?: Readonly<Record<string, unknown>> | undefined;
  readonly close?: () => Promise<void>;
}

/** How a store is opened, and how its model answers. LangChain's own cache is the constructor's: `cache` here is the models' folder. */
export type ChatForewordOpenOptions = Omit<ForewordOptions, "model"> &
  Omit<ChatForewordFields, "answerer" | "identity" | "close" | "cache"> & {
    readonly generator?: string;
  };

/**
 * Foreword as LangChain's chat model, in this process: answers from the store's documents with a learned prompt. Usage is in
 * `usage_metadata`, sources and times in `response_metadata`.
 */
export class ChatForeword extends BaseChatModel<ChatForewordCallOptions> {
  readonly #answerer: Answerer;
  readonly #fields: ChatForewordFields;
  readonly model: string;

  /** @throws RagError request/invalid for a setting outside the server's limits */
  constructor(fields: ChatForewordFields) {
    super(fields);
    this.#answerer = fields.answerer;
    this.#fields = fields;
    this.model = fields.model ?? "foreword";
    const { temperature, topP, maxTokens } = fields;
    checkChatSettings({ model: this.model, temperature, topP, maxTokens });
  }

  /** Opens a store and its models. `model` here is one of HTTP's names; the generator is `generator`. Close it when done. */
  static open(options: ChatForewordOpenOptions = {}): ChatForeword {
    const { generator, model, temperature, topP, maxTokens, ...more } = options;
    const { store, embedder, prompt, k, rerank, reranker, rerankDepth, minSimilarity, ...rest } =
      more;
    const { cache, threads, contextLength, ...langchain } = rest;
    const search = { store, embedder, prompt, k, rerank, reranker, rerankDepth, minSimilarity };
    const settings = { ...search, threads, contextLength, model: generator };
    const { answerer, close } = openForeword(definedOf({ ...settings, cache }));
    const identity = { ...settings, store: resolve(store ?? DEFAULT_STORE) };
    const answering = { model, temperature, topP, maxTokens };
    return new ChatForeword({ ...langchain, ...answering, answerer, identity, close });
  }

  override _llmType(): string {
    return "foreword";
  }

  /** Of the key under which LangChain keeps an answer, with what is set for the call. */
  override _identifyingParams(): Record<string, unknown> {
    const { temperature, topP, maxTokens, identity } = this.#fields;
    const answerer = identity ?? identityOf(this.#answerer);
    return { model: this.model, temperature, topP, maxTokens, answerer };
  }

  override async _generate(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): Promise<ChatResult> {
    const made: MadeAnswer = {};
    for await (const _ of this.#chunks(messages, options, { made, runManager }));
    const answer = made.answer!;
    const text = shownText(answer);
    const message = new AIMessage(fieldsOf(text, this.#metadata(answer)));
    return { generations: [{ text, message }], llmOutput: { tokenUsage: tokenUsage(answer) } };
  }

  override _streamResponseChunks(
    messages: BaseMessage[],
    options: this["ParsedCallOptions"],
    runManager?: CallbackManagerForLLMRun,
  ): AsyncGenerator<ChatGenerationChunk> {
    return this.#chunks(messages, options, { made: {}, runManager });
  }

  /** Frees the models, where this opened them. */
  async close(): Promise<void> {
    await this.#fields.close?.();
  }

  /** Pieces of the answer, and last what is known of it when it is complete. Handlers are told each with its chunk, as a chain's events need it. */
  async *#chunks(
    messages: readonly BaseMessage[],
    options: this["ParsedCallOptions"],
    { made, runManager }: { made: MadeAnswer; runManager: CallbackManagerForLLMRun | undefined },
  ): AsyncGenerator<ChatGenerationChunk, void> {
    const told = async function* (chunk: ChatGenerationChunk) {
      yield chunk;
      const rest = [undefined, undefined, undefined, undefined] as const;
      await runManager?.handleLLMNewToken(chunk.text, ...rest, { chunk });
    };
    for await (const text of this.#pieces(messages, options, made)) {
      yield* told(
        new ChatGenerationChunk({ text, message: new AIMessageChunk({ content: text }) }),
      );
    }
    const answer = made.answer!;
    const text = answer.abstention?.message ?? "";
    const message = new AIMessageChunk(fieldsOf(text, this.#metadata(answer)));
    yield* told(new ChatGenerationChunk({ text, message }));
  }

  /** The answer's text as it comes; at its end the answer is in `made`. Who leaves the iteration stops the work. */
  async *#pieces(
    messages: readonly BaseMessage[],
    options: this["ParsedCallOptions"],
    made: MadeAnswer,
  ): AsyncGenerator<string, void> {
    const request = await this.#request(messages, options);
    const answerer = this.#answerer;
    for await (const { text } of withAnswer()) if (text !== "") yield text;

    async function* withAnswer() {
      made.answer = yield* answerer.answer(request, options.signal);
    }
  }

  async #request(
    messages: readonly BaseMessage[],
    options: this["ParsedCallOptions"],
  ): Promise<AnswerRequest> {
    const { temperature, topP, maxTokens } = this.#fields;
    const call = readChatCall(
      messages,
      {
        model: this.model,
        temperature: options.temperature ?? temperature,
        topP: options.topP ?? topP,
        maxTokens: options.maxTokens ?? maxTokens,
        seed: options.seed,
        stop: options.stop,
      },
      options,
    );
    const { mode, prompt } = await servedModel(this.#answerer, call.model);
    return {
      mode,
      prompt,
      messages: call.messages,
      maxTokens: call.maxTokens ?? undefined,
      sampling: {
        temperature: call.temperature ?? 0,
        topP: call.topP ?? 1,
        seed: call.seed ?? randomInt(2 ** 31),
      },
      stop: call.stop,
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

/** Where an answer is put when it is complete. */
interface MadeAnswer {
  answer?: Answer;
}

const identities = new WeakMap<Answerer, string>();

/** The same for the same answerer, and for no other, also in another process. */
function identityOf(answerer: Answerer): string {
  const identity = identities.get(answerer) ?? randomUUID();
  identities.set(answerer, identity);
  return identity;
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

/** Without what was not given: a setting that is undefined is not a setting. */
function definedOf(options: Readonly<Record<string, unknown>>): ForewordOptions {
  return Object.fromEntries(
    Object.entries(options).filter(([, value]) => value !== undefined),
  ) as ForewordOptions;
}
