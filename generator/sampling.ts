import type { Random } from "../core/index.ts";

/** How the next token is chosen. */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keeps the most likely tokens whose probabilities sum to this, in (0, 1]. */
  readonly topP: number;
  readonly seed: number;
}

export const GREEDY: Sampling = { temperature: 0, topP: 1, seed: 0 };

/**
 * Draws a token from softmax(logits / temperature) cut off at the nucleus.
 * @see Holtzman et al., arXiv 1904.09751
 */
export function sampleToken(logits: Float32Array, sampling: Sampling, random: Random): number {
  const probabilities = softmaxOf(logits, sampling.temperature);
  const order = nucleus(probabilities, sampling.topP);
  let mass = 0;
  for (const token of order) mass += probabilities[token]!;
  let left = random.next() * mass;
  for (const token of order) {
    left -= probabilities[token]!;
    if (left <= 0) return token;
  }
  return order[order.length - 1]!;
}

/** softmax(logits / temperature) in f64. */
function softmaxOf(logits: Float32Array, temperature: number): Float64Array {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) highest = Math.max(highest, logit);
  const out = Float64Array.from(logits, (logit) => Math.exp((logit - highest) / temperature));
  let sum = 0;
  for (const weight of out) sum += weight;
  return out.map((weight) => weight / sum);
}

/** Tokens by falling probability until their mass reaches `topP`; at least one. */
function nucleus(probabilities: Float64Array, topP: number): Uint32Array {
  const tokens = Uint32Array.from(probabilities.keys());
  if (topP >= 1) return tokens;
  // Nothing below (1 − p) / V can belong to the nucleus, so only the rest needs sorting.
  const floor = (1 - topP) / probabilities.length;
  const likely = tokens
    .filter((token) => probabilities[token]! >= floor)
    .sort((a, b) => probabilities[b]! - probabilities[a]! || a - b);
  let mass = 0;
  const end = likely.findIndex((token) => {
    mass += probabilities[token]!;
    return mass >= topP;
  });
  return end < 0 ? likely : likely.subarray(0, end + 1);
}

/** log softmax(logits)[token], in f64. */
export function logProbability(logits: Float32Array, token: number): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const logit of logits) highest = Math.max(highest, logit);
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - highest);
  return logits[token]! - highest - Math.log(sum);
}
