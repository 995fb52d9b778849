import { countWords } from "../../core/index.ts";
import type { Embedder } from "../embedder/embedder.ts";

/** Shares of meaning and words in a fused score; they add up to 1. */
export interface FusionWeights {
  readonly dense: number;
  readonly keyword: number;
}

/** Measured best for English questions and claims alike: docs/retrieval.md. */
const KEYWORD_WEIGHT = 0.45;
/** For a query in a language the embedder has not learnt: its vector says next to nothing. */
const UNFAMILIAR_KEYWORD_WEIGHT = 0.9;
/** Tokens a word: an embedder cuts words of its own languages into 1 to 2, of others into many. */
const FAMILIAR_PIECES = 2.5;
const UNFAMILIAR_PIECES = 4;
/** Share of tokens that stand for an unknown word. */
const FAMILIAR_UNKNOWN = 0.05;
const UNFAMILIAR_UNKNOWN = 0.25;

/** How much the vectors and the words of a query count, by how well the embedder knows its language. */
export function fusionWeights(query: string, embedder: Embedder): FusionWeights {
  const words = countWords(query);
  const tokens = embedder.countTokens(query);
  if (words === 0 || tokens === 0) return { dense: 1 - KEYWORD_WEIGHT, keyword: KEYWORD_WEIGHT };
  const pieces = between(tokens / words, FAMILIAR_PIECES, UNFAMILIAR_PIECES);
  const unknownShare = (embedder.countUnknown?.(query) ?? 0) / tokens;
  const unknown = between(unknownShare, FAMILIAR_UNKNOWN, UNFAMILIAR_UNKNOWN);
  const strangeness = Math.max(pieces, unknown);
  const keyword = KEYWORD_WEIGHT + strangeness * (UNFAMILIAR_KEYWORD_WEIGHT - KEYWORD_WEIGHT);
  return { dense: 1 - keyword, keyword };
}

/** 0 at `low` and below, 1 at `high` and above. */
const between = (value: number, low: number, high: number) =>
  Math.min(1, Math.max(0, (value - low) / (high - low)));
