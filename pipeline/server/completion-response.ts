import type { Completion, ScoredToken } from "../answerer.ts";
import type { Choice } from "./choices.ts";
import { type ResponseHead, usageJson } from "./response-parts.ts";

/** What a request wants to see of each choice. */
export interface CompletionView {
  readonly isEcho: boolean;
  /** Alternatives at each token; undefined: no log probabilities. */
  readonly logProbabilities: number | undefined;
}

/** `text_completion`. Every `perPrompt` choices in turn belong to one prompt, which counts once. */
export function textCompletion(
  head: ResponseHead,
  choices: readonly Choice<Completion>[],
  options: CompletionView & { readonly perPrompt: number },
) {
  return {
    ...head,
    object: "text_completion",
    choices: choices.map((choice, index) => ({
      index,
      text: `${options.isEcho ? choice.whole.promptText : ""}${choice.whole.text}`,
      logprobs: logProbabilities(choice, options),
      finish_reason: choice.whole.finishReason,
    })),
    usage: completionUsage(
      choices.map(({ whole }) => whole),
      options.perPrompt,
    ),
  };
}

/** A chunk of a streamed text completion. */
export function completionChunk(
  head: ResponseHead,
  choice: {
    readonly index: number;
    readonly text: string;
    readonly logprobs: object | null;
    readonly finishReason?: string;
  },
  includesUsage: boolean,
) {
  const { index, text, logprobs, finishReason } = choice;
  return {
    ...head,
    object: "text_completion",
    choices: [{ index, text, logprobs, finish_reason: finishReason ?? null }],
    ...(includesUsage && { usage: null }),
  };
}

export function completionUsage(completions: readonly Completion[], perPrompt: number) {
  const sum = { promptTokens: 0, cachedTokens: 0, completionTokens: 0 };
  for (const [index, { usage }] of completions.entries()) {
    sum.completionTokens += usage.completionTokens;
    if (index % perPrompt !== 0) continue;
    sum.promptTokens += usage.promptTokens;
    sum.cachedTokens += usage.cachedTokens;
  }
  return usageJson(sum);
}

function logProbabilities(choice: Choice<Completion>, view: CompletionView) {
  if (view.logProbabilities === undefined) return null;
  const prompt = view.isEcho ? choice.whole.promptTokens : [];
  return tokenScores([...prompt, ...choice.tokens], 0);
}

/** OpenAI's four parallel lists. `offset`: of the first token, in characters. The first token of a text has no score: null. */
export function tokenScores(tokens: readonly ScoredToken[], offset: number) {
  let place = offset;
  const offsets = tokens.map(({ text }) => {
    const own = place;
    place += text.length;
    return own;
  });
  const isScored = ({ logProbability }: ScoredToken) => !Number.isNaN(logProbability);
  return {
    tokens: tokens.map(({ text }) => text),
    token_logprobs: tokens.map((token) => (isScored(token) ? token.logProbability : null)),
    top_logprobs: tokens.map((token) => (isScored(token) ? alternatives(token) : null)),
    text_offset: offsets,
  };
}

/** By text; of two tokens with the same text (halves of a character) the likelier counts. */
function alternatives(token: ScoredToken): Record<string, number> {
  const found = new Map<string, number>();
  for (const other of [...token.top, token]) {
    found.set(other.text, Math.max(other.logProbability, found.get(other.text) ?? -Infinity));
  }
  return Object.fromEntries(found);
}
