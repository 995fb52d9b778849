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
import { RagError } from "../../core/index.ts";
import type { Answer, Answerer, AnswerRequest } from "../answerer.ts";
import { openWorkspace } from "../open-foreword.ts";
import { servedModel } from "../served-models.ts";
import type { ForewordOptions } from "../settings.ts";
import { workspaceAnswerer } from "../workspace-answerer.ts";
import { checkChatSettings, readChatCall } from "./chat-call.ts";
import { splitOptions } from "./split-options.ts";

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
  /** What tells this answerer from others in LangChain's cache, as `open` gives it; without it, its answers are shared by nobody else. */
  readonly identity?: Readonly<Record<string, unknown>> | undefined;
  readonly close?: () => Promise<void>;
}

type AnsweringField = Exclude<keyof ChatForewordFields, "answerer" | "identity" | "close">;

/** How a store is opened, and how its model answers. `model` and `cache` are LangChain's here; the settings of these names are called otherwise. */
export type ChatForewordOpenOptions = Omit<ForewordOptions, "cache" | AnsweringField> &
  Pick<ChatForewordFields, AnsweringField> & {
    /** The setting `model`: the generator's name or path. */
    readonly generator?: string | undefined;
    /** The setting `cache`: the models' folder. */
    readonly cacheFolder?: string | undefined;
  };

const FIELDS = {
  model: true,
  temperature: true,
  topP: true,
  maxTokens: true,
  cache: true,
  callbackManager: true,
  callbacks: true,
  disableStreaming: true,
  maxConcurrency: true,
  maxRetries: true,
  metadata: true,
  onFailedAttempt: true,
  outputVersion: true,
  tags: true,
  verbose: true,
} as const satisfies Record<AnsweringField, true>;

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

  /**
   * Opens a store and its models; close it when done. Its answers in LangChain's cache are shared by the same model, settings and store, also in
   * another process.
   * @throws RagError config/invalid, request/invalid for a setting outside the server's limits
   */
  static open(options: ChatForewordOpenOptions = {}): ChatForeword {
    const { generator, cacheFolder, ...others } = options;
    const { fields, settings: given } = splitOptions(others, FIELDS);
    requireCache(fields.cache);
    const { workspace, settings } = openWorkspace({
      ...given,
      model: generator,
      cache: cacheFolder,
    });
    const { cache: _, store, ...identity } = settings;
    return new ChatForeword({
      ...fields,
      answerer: workspaceAnswerer(workspace, settings),
      identity: { ...identity, store: resolve(store) },
      close: () => workspace.close(),
    });
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

/** Everywhere else `cache` is the models' folder, which LangChain would take for a wish for its global cache. */
function requireCache(cache: unknown): void {
  if (typeof cache !== "string") return;
  throw new RagError(
    "config/invalid",
    "cache: expected a cache of LangChain's, found a text; give the models' folder as cacheFolder.",
  );
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
