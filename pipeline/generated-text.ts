import type { Conditioning, GenerationSummary, Generator, Sampling } from "../generator/index.ts";
import { createTextStream } from "../runtime/index.ts";
import { createStopText } from "./stop-text.ts";

/** A token as clients that ask for log probabilities see it. */
export interface ScoredToken {
  readonly text: string;
  /** Natural logarithm. */
  readonly logProbability: number;
  /** The likeliest tokens at its place, best first, where they were asked for. */
  readonly top: readonly { readonly text: string; readonly logProbability: number }[];
}

/** Text that has become certain, and the tokens since the last piece where they were asked for. */
export interface TextPiece {
  readonly text: string;
  readonly tokens: readonly ScoredToken[];
}

export interface TextRequest {
  readonly prefixIds: readonly number[];
  readonly ids: readonly number[];
  readonly conditioning?: Conditioning | undefined;
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Texts that end the answer and are not part of it. */
  readonly stop: readonly string[];
  readonly logProbabilities: boolean;
  /** Alternatives at each token, with `logProbabilities`. */
  readonly topLogProbabilities?: number | undefined;
  /** Leaves white space at both ends as it is. */
  readonly isVerbatim?: boolean;
}

/** What was used for a text. */
export type TextSummary = GenerationSummary;

/**
 * Generates text piece by piece, without white space at either end unless it is verbatim: whole characters only, cut before a stop text.
 * @throws RagError context/overflow, engine/failed; the signal's reason when aborted
 */
export async function* generateText(
  generator: Generator,
  request: TextRequest,
  signal?: AbortSignal,
): AsyncGenerator<TextPiece, TextSummary> {
  const { tokenizer } = generator.model;
  const decoded = createTextStream(tokenizer, { skipSpecial: true });
  const cut = createStopText(request.stop);
  const trimmed = request.isVerbatim ? VERBATIM : createTrimmedText();
  const started = performance.now();
  let summary: GenerationSummary | undefined;
  let count = 0;
  for await (const { id, logProbability, alternatives = [] } of withSummary()) {
    count++;
    const tokens =
      logProbability === undefined
        ? []
        : [{ text: tokenizer.decode([id]), logProbability, top: alternatives.map(asText) }];
    const text = trimmed.push(cut.push(decoded.push(id)));
    if (text !== "" || tokens.length > 0) yield { text, tokens };
    if (cut.isStopped) break;
  }
  const rest = cut.isStopped ? "" : trimmed.push(cut.push(decoded.end()) + cut.end());
  if (rest !== "") yield { text: rest, tokens: [] };
  return summary ?? stoppedSummary(request, count, performance.now() - started);

  function asText(other: { readonly id: number; readonly logProbability: number }) {
    return { text: tokenizer.decode([other.id]), logProbability: other.logProbability };
  }

  async function* withSummary() {
    summary = yield* generator.generate(
      {
        prefixIds: request.prefixIds,
        ids: request.ids,
        ...(request.conditioning ? { conditioning: request.conditioning } : {}),
        maxTokens: request.maxTokens,
        stopIds: generator.model.stopIds,
        sampling: request.sampling,
        logProbabilities: request.logProbabilities,
        topLogProbabilities: request.topLogProbabilities ?? 0,
      },
      signal,
    );
  }
}

/** A stop text ends generation from outside, so the generator's own summary never comes. */
function stoppedSummary(request: TextRequest, count: number, decodeMs: number): TextSummary {
  const { prefixIds, ids, conditioning } = request;
  return {
    promptTokens: prefixIds.length + ids.length + (conditioning?.count ?? 0),
    cachedTokens: 0,
    completionTokens: count,
    finishReason: "stop",
    prefillMs: 0,
    decodeMs,
  };
}

const VERBATIM = { push: (piece: string) => piece };

/** Drops white space at the beginning, and holds it back until something follows. */
function createTrimmedText(): { push(piece: string): string } {
  let held = "";
  let hasBegun = false;
  return {
    push: (piece) => {
      const text = hasBegun ? held + piece : piece.trimStart();
      const shown = text.trimEnd();
      held = text.slice(shown.length);
      if (shown !== "") hasBegun = true;
      return shown;
    },
  };
}
