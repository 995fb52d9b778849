import type { EngineLoad, Sampling } from "../generator/index.ts";
import type { ScoredToken, TextPiece, TokenScore } from "./generated-text.ts";
import type { Passage } from "./passage.ts";
import type { PromptEmbeddings } from "./prompt-embeddings.ts";

/** A message of a conversation, as text. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
  /** The message in order, where rows of embeddings stand between its texts. */
  readonly parts?: readonly (string | PromptEmbeddings)[] | undefined;
}

/**
 * How a question is answered. "retrieval": from passages of the documents, with a learned prompt; "question": by the model
 * alone in the same frame; "bare": the messages go to the model as they are.
 */
export type AnswerMode = "retrieval" | "question" | "bare";

export interface AnswerRequest {
  readonly mode: AnswerMode;
  /** Oldest first; the last one is the user's question. */
  readonly messages: readonly Message[];
  /** A learned prompt's name, "none", or undefined for the default one. */
  readonly prompt?: string | undefined;
  /** Passages to find and read; by default 3 are found, and as many read as the learned prompt was trained with. */
  readonly k?: number | undefined;
  /** Of the answer; by default what is usual for the mode, as far as there is room. */
  readonly maxTokens?: number | undefined;
  readonly sampling: Sampling;
  readonly stop: readonly string[];
  readonly logProbabilities: boolean;
  /** Alternatives at each token, with `logProbabilities`. */
  readonly topLogProbabilities?: number | undefined;
}

/** Why there is no answer, for the person who asked. */
export interface Abstention {
  /** "empty-store": nothing was ingested; "nothing-relevant": no passage is close enough; "no-answer": the model read passages and said nothing. */
  readonly reason: "empty-store" | "nothing-relevant" | "no-answer";
  readonly message: string;
}

/** A complete answer. Times in milliseconds. */
export interface Answer {
  readonly answer: string;
  /** There is no answer: the model gave none, or no passage was found. */
  readonly abstained: boolean;
  readonly abstention?: Abstention;
  /** The learned prompt that was used. */
  readonly prompt: string | null;
  /** What was searched for; differs from the question where that only makes sense after what was said before. */
  readonly query?: string;
  /** What was retrieved; `used` says whether it found room in the context. */
  readonly passages: readonly (Passage & { readonly used: boolean })[];
  /** The used passages that the answer can be checked against. */
  readonly citations: readonly Passage[];
  readonly finishReason: "stop" | "length";
  readonly usage: Usage;
  readonly timings: {
    readonly retrievalMs: number;
    /** Part of the retrieval; absent where nothing was reranked. */
    readonly rerankMs?: number;
    readonly prefillMs: number;
    readonly decodeMs: number;
    readonly totalMs: number;
  };
}

/** Tokens. */
export interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly completionTokens: number;
}

/** A text to be continued as it is, without template, passages or learned prompt. */
export interface CompletionRequest {
  /** Text is never read as special tokens; ids may be any of the vocabulary. */
  readonly prompt: string | readonly number[] | PromptEmbeddings;
  /** 0: nothing is generated; for scoring with `scorePrompt`. */
  readonly maxTokens: number;
  readonly sampling: Sampling;
  readonly stop: readonly string[];
  readonly logProbabilities: boolean;
  readonly topLogProbabilities: number;
  /** Asks for the log probabilities of the prompt's own tokens. */
  readonly scorePrompt: boolean;
}

export interface Completion {
  /** The prompt as text; "" for embeddings. */
  readonly promptText: string;
  /** The prompt's tokens with their log probabilities, NaN for the first; with `scorePrompt`. */
  readonly promptTokens: readonly ScoredToken[];
  readonly text: string;
  readonly finishReason: "stop" | "length";
  readonly usage: Usage;
  readonly timings: { readonly prefillMs: number; readonly decodeMs: number };
}

/** Answers questions; the server and the command line know no more than this. */
export interface Answerer {
  /**
   * Yields the answer's text as it comes, and returns it complete. Stopping the iteration, or the signal, stops the work.
   * @throws RagError context/overflow, prompt/*, request/invalid, engine/failed
   */
  answer(request: AnswerRequest, signal?: AbortSignal): AsyncGenerator<TextPiece, Answer>;
  /**
   * Continues a text, yielding what comes, and returns it complete.
   * @throws RagError context/overflow, request/invalid, engine/failed
   */
  complete(request: CompletionRequest, signal?: AbortSignal): AsyncGenerator<TextPiece, Completion>;
  /** Names of the learned prompts that can be asked for now, newest first. */
  promptNames(): Promise<readonly string[]>;
  /** Unit vectors of texts, f32 [D] each. @throws RagError engine/failed */
  embed(texts: readonly string[], signal?: AbortSignal): Promise<EmbeddedTexts>;
  /** D, of what embed gives. */
  embeddingDimension(): Promise<number>;
  /** What the language model's engine does now; undefined while it was never asked for. @throws RagError engine/failed */
  engineStatus(): Promise<EngineStatus | undefined>;
}

export interface EngineStatus extends EngineLoad {
  /** How often its thread died and was replaced. */
  readonly restarts: number;
}

export interface EmbeddedTexts {
  readonly model: string;
  readonly vectors: readonly Float32Array[];
  /** Those that were read; what is longer than the embedder's longest text is cut. */
  readonly tokens: number;
}

export type { ScoredToken, TextPiece, TokenScore };
