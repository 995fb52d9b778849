import { RagError } from "../core/index.ts";
import {
  type Conditioning,
  encodeUpTo,
  type Generator,
  type PromptScore,
  splitAtBlock,
} from "../generator/index.ts";
import type { Completion, CompletionRequest, ScoredToken, TextPiece } from "./answerer.ts";
import { contextOverflow } from "./context-overflow.ts";
import { generateText, type TextSummary, tokenScore } from "./generated-text.ts";
import { type PromptEmbeddings, requireWidth } from "./prompt-embeddings.ts";

/** What goes to the model. */
interface Input {
  readonly ids: readonly number[];
  /** How many of the first ids are not in the request: the token that a text begins with. */
  readonly added: number;
  readonly conditioning: Conditioning | undefined;
}

const NOTHING_GENERATED = { completionTokens: 0, finishReason: "length", decodeMs: 0 } as const;

/**
 * Continues a text with the bare model: no template, no passages, no learned prompt.
 * @throws RagError context/overflow, request/invalid for ids outside the vocabulary or rows of another width, engine/failed
 */
export async function* completeText(
  generator: Generator,
  request: CompletionRequest,
  signal?: AbortSignal,
): AsyncGenerator<TextPiece, Completion> {
  const input = inputOf(generator, request);
  const promptTokens = input.ids.length + (input.conditioning?.count ?? 0);
  if (promptTokens + request.maxTokens > generator.contextLength) {
    const counted = { count: promptTokens, isExact: true };
    throw contextOverflow(generator, counted, request.maxTokens, "prompt");
  }
  const started = performance.now();
  const scored = await promptScores(generator, request, input, signal);
  const scoringMs = performance.now() - started;
  let text = "";
  let summary: Omit<TextSummary, "promptTokens" | "cachedTokens" | "hasMetStopText"> & {
    cachedTokens?: number;
  } = {
    ...NOTHING_GENERATED,
    prefillMs: 0,
  };
  if (request.maxTokens > 0) {
    for await (const piece of generation()) {
      text += piece.text;
      yield piece;
    }
  }
  const { completionTokens, cachedTokens = 0, finishReason, prefillMs, decodeMs } = summary;
  return {
    promptText: generator.model.tokenizer.decode(input.ids.slice(input.added)),
    promptTokens: scored.slice(input.added),
    text,
    finishReason,
    usage: { promptTokens, cachedTokens, completionTokens },
    timings: { prefillMs: prefillMs + scoringMs, decodeMs },
  };

  async function* generation() {
    const { maxTokens, sampling, stop, logProbabilities, topLogProbabilities } = request;
    summary = yield* generateText(
      generator,
      {
        ...input,
        ...splitAtBlock(input.ids),
        maxTokens,
        sampling,
        stop,
        logProbabilities,
        topLogProbabilities,
        isVerbatim: true,
      },
      signal,
    );
  }
}

function inputOf(generator: Generator, { prompt, maxTokens }: CompletionRequest): Input {
  const { tokenizer, config } = generator.model;
  if (typeof prompt === "string") {
    const { ids, isCut } = encodeUpTo(tokenizer.encode, prompt, generator.contextLength);
    if (isCut) {
      const longer = { count: generator.contextLength, isExact: false };
      throw contextOverflow(generator, longer, maxTokens, "prompt");
    }
    if (ids.length === 0) throw invalid("prompt: is empty; send the text to continue.");
    const start = tokenizer.startId === undefined ? [] : [tokenizer.startId];
    return { ids: [...start, ...ids], added: start.length, conditioning: undefined };
  }
  if (isEmbeddings(prompt)) {
    requireWidth(prompt, config.width);
    const { count, rows } = prompt;
    return { ids: [], added: 0, conditioning: { kind: "virtual", count, rows } };
  }
  const foreign = prompt.find((id) => id >= tokenizer.vocabularySize);
  if (foreign === undefined) return { ids: prompt, added: 0, conditioning: undefined };
  throw invalid(
    `prompt: expected token ids below ${tokenizer.vocabularySize}, found ${foreign}; use this model's tokenizer.`,
  );
}

const isEmbeddings = (prompt: readonly number[] | PromptEmbeddings): prompt is PromptEmbeddings =>
  "rows" in prompt;

async function promptScores(
  generator: Generator,
  { scorePrompt, topLogProbabilities }: CompletionRequest,
  { ids }: Input,
  signal: AbortSignal | undefined,
): Promise<ScoredToken[]> {
  if (!scorePrompt || ids.length === 0) return [];
  const { tokenizer } = generator.model;
  const scores = await generator.scorePrompt(ids, topLogProbabilities, signal);
  return scores.map(({ logProbability, top }: PromptScore, index) => ({
    ...tokenScore(tokenizer, { id: ids[index]!, logProbability }),
    top: top.map((other) => tokenScore(tokenizer, other)),
  }));
}

const invalid = (message: string): RagError =>
  new RagError("request/invalid", message, { param: "prompt" });
