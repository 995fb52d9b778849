import type {
  Conditioning,
  GenerationSummary,
  Generator,
  PromptReading,
  Sampling,
  TokenLogProbability,
} from "../generator/index.ts";
import { createTextStream, type Tokenizer } from "../runtime/index.ts";
import { createStopText } from "./stop-text.ts";

/** A token and how likely it is. */
export interface TokenScore {
  /** With U+FFFD for what is only a part of a character. */
  readonly text: string;
  readonly bytes: readonly number[];
  /** Natural logarithm. */
  readonly logProbability: number;
}

/** A token as clients that ask for log probabilities see it. */
export interface ScoredToken extends TokenScore {
  /** The likeliest tokens at its place, best first, where they were asked for. */
  readonly top: readonly TokenScore[];
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
export interface TextSummary extends GenerationSummary {
  /** One of the request's stop texts ended it, not the model or the limit. */
  readonly hasMetStopText: boolean;
}

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
  let promptReading = NOTHING_READ;
  for await (const { id, logProbability, alternatives = [], reading } of withSummary()) {
    count++;
    promptReading = reading ?? promptReading;
    const tokens =
      logProbability === undefined
        ? []
        : [
            {
              ...tokenScore(tokenizer, { id, logProbability }),
              top: alternatives.map((other) => tokenScore(tokenizer, other)),
            },
          ];
    const text = trimmed.push(cut.push(decoded.push(id)));
    if (text !== "" || tokens.length > 0) yield { text, tokens };
    if (cut.isStopped) break;
  }
  const rest = cut.isStopped ? "" : trimmed.push(cut.push(decoded.end()) + cut.end());
  if (rest !== "") yield { text: rest, tokens: [] };
  const hasMetStopText = cut.isStopped;
  if (summary) return { ...summary, hasMetStopText };
  const totalMs = performance.now() - started;
  return { ...stoppedSummary(request, promptReading, { count, totalMs }), hasMetStopText };

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

/** A token in text and bytes. */
export const tokenScore = (
  tokenizer: Tokenizer,
  { id, logProbability }: TokenLogProbability,
): TokenScore => ({
  text: tokenizer.decode([id]),
  bytes: tokenizer.bytesOf(id),
  logProbability,
});

const NOTHING_READ: PromptReading = { cachedTokens: 0, prefillMs: 0 };

/** A stop text ends generation from outside, so the generator's own summary never comes. */
function stoppedSummary(
  { prefixIds, ids, conditioning }: TextRequest,
  reading: PromptReading,
  { count, totalMs }: { readonly count: number; readonly totalMs: number },
): GenerationSummary {
  return {
    ...reading,
    promptTokens: prefixIds.length + ids.length + (conditioning?.count ?? 0),
    completionTokens: count,
    finishReason: "stop",
    decodeMs: Math.max(0, totalMs - reading.prefillMs),
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
