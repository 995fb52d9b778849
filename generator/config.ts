import { RagError } from "../core/index.ts";

/** How a token's place enters the computation. */
export type Positions =
  /** Queries and keys are turned by angles. Each of the D/2 frequencies is divided by its factor, where there are any. */
  | { readonly kind: "rotary"; readonly base: number; readonly factors?: readonly number[] }
  /** A learned vector for each place is added to the token's embedding. */
  | { readonly kind: "learned" };

/** The projections of a layer: "gateUp" where the feed-forward is gated, "up" where it is not. */
export type LayerProjection = "qkv" | "o" | "gateUp" | "up" | "down";

/** Everything that distinguishes one decoder from another; sizes in elements. Plain data: it crosses into workers. */
export interface DecoderConfig {
  /** The name under which `families/` lists it. */
  readonly family: string;
  readonly layers: number;
  /** H */
  readonly width: number;
  /** N */
  readonly heads: number;
  readonly keyValueHeads: number;
  /** D */
  readonly headDimension: number;
  /** F */
  readonly feedForward: number;
  /** V */
  readonly vocabulary: number;
  /** Tokens a context may have: the model's own limit, or its attention window where that is smaller. */
  readonly contextLength: number;
  readonly positions: Positions;
  /** "rms" scales by the root mean square, "layer" also centres and has a bias. */
  readonly norm: { readonly kind: "rms" | "layer"; readonly epsilon: number };
  /** "silu" multiplies a gate into the feed-forward; the two GELUs do not. */
  readonly activation: "silu" | "gelu" | "gelu-tanh";
  /** The projections that add a bias. */
  readonly biased: readonly LayerProjection[];
  /** Queries and keys are normalised head by head before they are turned. */
  readonly hasQueryKeyNorm: boolean;
  /** The output projection is the embedding table. */
  readonly isTied: boolean;
}

/** Larger than any decoder published; a damaged file cannot make us plan for more. */
export const LIMITS = {
  layers: 512,
  width: 65_536,
  feedForward: 524_288,
  headDimension: 1024,
  vocabulary: 4_000_000,
  context: 16_777_216,
} as const;

/**
 * Checks that the sizes of a configuration fit one another.
 * @throws RagError model/invalid naming the size
 */
export function requireConsistent(config: DecoderConfig, source: string): DecoderConfig {
  const { width, heads, keyValueHeads, headDimension, positions } = config;
  const sizes: readonly (readonly [string, number, number])[] = [
    ["number of layers", config.layers, LIMITS.layers],
    ["hidden width", width, LIMITS.width],
    ["number of heads", heads, LIMITS.width],
    ["number of key/value heads", keyValueHeads, heads],
    ["head dimension", headDimension, LIMITS.headDimension],
    ["feed-forward width", config.feedForward, LIMITS.feedForward],
    ["vocabulary size", config.vocabulary, LIMITS.vocabulary],
    ["context length", config.contextLength, LIMITS.context],
  ];
  for (const [name, value, most] of sizes) {
    if (Number.isInteger(value) && value >= 1 && value <= most) continue;
    refuse(source, name, `a whole number from 1 to ${most}`, value);
  }
  if (heads % keyValueHeads !== 0) {
    refuse(source, "number of heads", `a multiple of the ${keyValueHeads} key/value heads`, heads);
  }
  if (positions.kind === "rotary" && headDimension % 2 !== 0) {
    refuse(source, "head dimension", "an even number, to be turned in halves", headDimension);
  }
  return config;
}

function refuse(source: string, name: string, expected: string, found: number): never {
  throw new RagError(
    "model/invalid",
    `${source}: ${name}: expected ${expected}, found ${found}; the configuration is damaged, get the model again.`,
  );
}
