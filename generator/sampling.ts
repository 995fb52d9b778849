import { Random } from "../core/index.ts";

/** How the next token is chosen. */
export interface Sampling {
  /** 0 is greedy. */
  readonly temperature: number;
  /** Keeps the most likely tokens whose probabilities sum to this, in [0, 1]; 0 keeps the likeliest one. */
  readonly topP: number;
  /** Keeps this many of the most likely tokens, before `topP`; all unless given. */
  readonly topK?: number;
  /** Taken off a token's score for each time it was generated, in [-2, 2]. */
  readonly frequencyPenalty?: number;
  /** Taken off the score of a token that was generated at all, in [-2, 2]. */
  readonly presencePenalty?: number;
  readonly seed: number;
}

export const GREEDY: Sampling = { temperature: 0, topP: 1, seed: 0 };

/** The likeliest tokens of one position and what is known of all the others. */
export interface Candidates {
  /** By falling score; the smaller id first of equals. */
  readonly ids: readonly number[];
  /** Logits, in the same order. */
  readonly logits: ArrayLike<number>;
  /** log Σ exp(logit / temperature) over the whole vocabulary. */
  readonly scaledLogSum: number;
  /** Whether nothing that sampling can reach is missing. */
  readonly isWhole: boolean;
}

/** What a run tells of one position: the best token, the candidates where asked for, all logits f32 [V] where asked for. */
export interface Scores {
  readonly best: number;
  readonly candidates?: Candidates;
  readonly logits?: Float32Array;
}

/** Which of {@link Scores} a sequence needs. */
export type ScoresNeeded = "best" | "candidates" | "logits";

/**
 * Chooses the tokens of one sequence. Each token takes one number from the seeded stream, so that the answer does not depend on
 * what else runs or on how much of the scores was looked at.
 * @see Holtzman et al., arXiv 1904.09751 (nucleus)
 */
export class TokenChooser {
  readonly needed: ScoresNeeded;
  readonly #sampling: Sampling;
  readonly #random: Random;
  readonly #counts = new Map<number, number>();
  #draw: number | undefined;

  constructor(sampling: Sampling) {
    this.#sampling = sampling;
    this.#random = new Random(sampling.seed);
    const isPenalised = Boolean(sampling.frequencyPenalty || sampling.presencePenalty);
    this.needed = isPenalised ? "logits" : sampling.temperature === 0 ? "best" : "candidates";
  }

  /** The next token; undefined when the candidates do not decide it: ask again with the logits. */
  choose(scores: Scores): number | undefined {
    const token = this.#decide(scores);
    if (token === undefined) return undefined;
    this.#draw = undefined;
    this.#counts.set(token, (this.#counts.get(token) ?? 0) + 1);
    return token;
  }

  #decide({ best, candidates, logits }: Scores): number | undefined {
    const { temperature } = this.#sampling;
    if (this.needed === "best") return best;
    const known = logits ? rankLogits(this.#penalise(logits), this.#sampling) : candidates!;
    if (temperature === 0) return known.ids[0]!;
    this.#draw ??= this.#random.next();
    return drawToken(known, this.#sampling, this.#draw);
  }

  #penalise(logits: Float32Array): Float32Array {
    if (this.needed !== "logits") return logits;
    const { frequencyPenalty = 0, presencePenalty = 0 } = this.#sampling;
    const out = logits.slice();
    for (const [token, count] of this.#counts) {
      out[token] = out[token]! - frequencyPenalty * count - presencePenalty;
    }
    return out;
  }
}

/**
 * The token at `draw` in [0, 1) of the cumulative distribution softmax(logits / temperature), likeliest first, cut off by top-k and
 * nucleus; undefined when it may lie beyond the known candidates.
 */
export function drawToken(
  known: Candidates,
  { temperature, topP, topK }: Sampling,
  draw: number,
): number | undefined {
  const count = Math.min(known.ids.length, topK ?? Number.POSITIVE_INFINITY);
  const isCut = topK !== undefined && topK <= known.ids.length;
  if (topK !== undefined && !isCut && !known.isWhole) return undefined;
  const sums = new Float64Array(count);
  let mass = 0;
  for (let i = 0; i < count; i++) {
    mass += Math.exp(known.logits[i]! / temperature - known.scaledLogSum);
    sums[i] = mass;
  }
  const isAll = isCut || known.isWhole;
  const target = topP * (isCut ? mass : 1);
  const end = topP < 1 ? sums.findIndex((sum) => sum >= target) : -1;
  const at = (share: number) => sums.findIndex((sum) => sum > draw * share);
  if (end >= 0) return known.ids[Math.min(at(sums[end]!), end)];
  if (isAll) {
    const last = at(mass);
    return known.ids[last >= 0 ? last : count - 1];
  }
  // The nucleus ends beyond the known tokens, within one more of the least likely of them.
  const least = mass - (sums[count - 2] ?? 0);
  const [low, high] = [at(target), at(topP < 1 ? target + least : 1)];
  return low >= 0 && low === high ? known.ids[low] : undefined;
}

/** All tokens by falling score, as far as sampling can reach them. */
function rankLogits(logits: Float32Array, { temperature, topP, topK }: Sampling): Candidates {
  if (temperature === 0) {
    return { ids: [indexOfLargest(logits)], logits: [], scaledLogSum: 0, isWhole: true };
  }
  const scaledLogSum = logSumExpOf(logits, temperature);
  // Nothing less likely than (1 − p) / V can belong to the nucleus, so only the rest needs sorting.
  const floor = topK === undefined ? Math.log((1 - topP) / logits.length) : -Infinity;
  const likely = Uint32Array.from(logits.keys())
    .filter((token) => logits[token]! / temperature - scaledLogSum >= floor)
    .sort((a, b) => logits[b]! - logits[a]! || a - b);
  return {
    ids: [...likely],
    logits: Float32Array.from(likely, (token) => logits[token]!),
    scaledLogSum,
    isWhole: true,
  };
}

function indexOfLargest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** log Σ exp(logit / temperature), in f64. */
export function logSumExpOf(logits: Float32Array, temperature = 1): number {
  const highest = logits[indexOfLargest(logits)]!;
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i]! - highest) / temperature);
  return highest / temperature + Math.log(sum);
}
