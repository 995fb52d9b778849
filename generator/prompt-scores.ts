import { logSumExpOf } from "./sampling.ts";

/** A token of a given text, and how likely the model found it there. */
export interface PromptScore {
  /** Natural logarithm; NaN for the first token, which nothing stands before. */
  readonly logProbability: number;
  /** The likeliest tokens at this place, best first. */
  readonly top: readonly { readonly id: number; readonly logProbability: number }[];
}

export const UNSCORED: PromptScore = { logProbability: Number.NaN, top: [] };

/**
 * Scores one token: log softmax(logits)[id] in f64, and the `topCount` likeliest.
 * logits: f32 [V]
 */
export function scoreToken(logits: Float32Array, id: number, topCount: number): PromptScore {
  const scale = logSumExpOf(logits);
  const top = likeliest(logits, topCount).map((token) => ({
    id: token,
    logProbability: logits[token]! - scale,
  }));
  return { logProbability: logits[id]! - scale, top };
}

/** Indices of the `count` largest, the largest first; one pass, `count` is small. */
function likeliest(logits: Float32Array, count: number): number[] {
  const best: number[] = [];
  for (let token = 0; token < logits.length; token++) {
    const isFull = best.length === count;
    if (isFull && (count === 0 || logits[token]! <= logits[best[count - 1]!]!)) continue;
    let place = best.length;
    while (place > 0 && logits[best[place - 1]!]! < logits[token]!) place--;
    best.splice(place, 0, token);
    if (isFull) best.pop();
  }
  return best;
}
