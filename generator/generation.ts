import { RagError } from "../core/index.ts";
import type { Conditioning } from "./conditioning.ts";
import type { Sampling } from "./sampling.ts";

export interface GenerationRequest {
  /** Ids that other requests share: system text and passages. Their keys and values are cached. */
  readonly prefixIds: readonly number[];
  readonly conditioning?: Conditioning;
  /** Ids after the virtual tokens: the question. At least one, unless there are virtual tokens. */
  readonly ids: readonly number[];
  readonly maxTokens: number;
  readonly stopIds: readonly number[];
  readonly sampling: Sampling;
  /** While a trainer is open: keeps keys and values of the prefix with those of the training examples, as f16. */
  readonly keepsPrefix?: boolean;
  /** Asks for the log probability of every token, before temperature and penalties. */
  readonly logProbabilities?: boolean;
  /** With log probabilities: how many of the likeliest tokens to name at each place, 0 to 20. */
  readonly topLogProbabilities?: number;
}

/** One text to be scored behind each of several others. */
export interface TextBehindPrefixes {
  readonly prefixes: readonly (readonly number[])[];
  readonly ids: readonly number[];
}

export interface TokenLogProbability {
  readonly id: number;
  /** Natural logarithm. */
  readonly logProbability: number;
}

/** What reading a prompt took. */
export interface PromptReading {
  /** Tokens of the prompt whose keys and values were there already. */
  readonly cachedTokens: number;
  /** From the request to its first token, waiting included. */
  readonly prefillMs: number;
}

export interface GeneratedToken {
  readonly id: number;
  /** With the first token: who stops reading before the end gets no summary. */
  readonly reading?: PromptReading;
  readonly logProbability?: number;
  /** The likeliest tokens at this place, likeliest first, where they were asked for. */
  readonly alternatives?: readonly TokenLogProbability[];
}

export interface GenerationSummary extends PromptReading {
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly finishReason: "stop" | "length";
  readonly decodeMs: number;
}

/** What an engine is doing. */
export interface EngineLoad {
  /** Sequences being decoded. */
  readonly running: number;
  /** Requests whose prompt is being read or who wait for a place. */
  readonly waiting: number;
  readonly maxSequences: number;
  /** Bytes of keys and values of the running sequences, room to grow included. */
  readonly sequenceBytes: number;
  readonly passageCache: {
    readonly bytes: number;
    readonly maxBytes: number;
    /** Prefix tokens found in the cache, and those computed, since the start. */
    readonly hitTokens: number;
    readonly missedTokens: number;
  };
}

const MAX_ALTERNATIVES = 20;

/**
 * The number of prompt tokens of a request.
 * @throws RagError context/overflow when prompt and answer do not fit the context, request/invalid
 */
export function requireRoom(
  request: Pick<GenerationRequest, "prefixIds" | "conditioning" | "ids" | "maxTokens"> &
    Partial<GenerationRequest>,
  contextLength: number,
): number {
  const { prefixIds, conditioning, ids, maxTokens, topLogProbabilities = 0 } = request;
  const prompt = prefixIds.length + (conditioning?.count ?? 0) + ids.length;
  if (ids.length === 0 && conditioning?.kind !== "virtual") {
    throw new RagError("request/invalid", "prompt: is empty; write a question.");
  }
  if (topLogProbabilities < 0 || topLogProbabilities > MAX_ALTERNATIVES) {
    throw new RagError(
      "request/invalid",
      `top_logprobs: is ${topLogProbabilities}; ask for 0 to ${MAX_ALTERNATIVES}.`,
      { param: "top_logprobs" },
    );
  }
  if (prompt + maxTokens > contextLength) {
    throw new RagError(
      "context/overflow",
      `the prompt has ${prompt} tokens and the answer may have ${maxTokens}, together more than the context of ${contextLength}; shorten the question or ask for fewer tokens.`,
    );
  }
  return prompt;
}
