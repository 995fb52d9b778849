import { RagError } from "../core/index.ts";
import type { TokenCount } from "../generator/index.ts";
import { MAX_SKIPPED_SHARE, NAMED_PROBLEMS } from "./qa-file.ts";
import type { QaPair } from "./qa-record.ts";

/** The tokens that a question or input needs with its frame, and how many there are for it. */
export interface LackOfRoom {
  readonly tokens: TokenCount;
  readonly maxTokens: number;
}

/** A pair whose question or input has no room, even without passages. */
interface TooLongPair extends LackOfRoom {
  readonly id: string;
}

/** Pairs that are left out because they are too long. */
export interface SkippedPairs {
  readonly count: number;
  readonly first: readonly TooLongPair[];
}

/** Pairs that have room, and what is told of the others, if there are any. */
export interface PairsByRoom {
  readonly fitting: readonly QaPair[];
  readonly skipped: SkippedPairs | undefined;
}

/**
 * Skips pairs that have no room, as the unusable entries of a file are skipped.
 * @throws RagError qa/invalid naming the first, when more than 5% are too long
 */
export function pairsByRoom(
  pairs: readonly QaPair[],
  lackOf: (pair: QaPair) => LackOfRoom | undefined,
): PairsByRoom {
  const fitting: QaPair[] = [];
  const tooLong: TooLongPair[] = [];
  for (const pair of pairs) {
    const lack = lackOf(pair);
    if (lack) tooLong.push({ id: pair.id, ...lack });
    else fitting.push(pair);
  }
  if (tooLong.length === 0) return { fitting, skipped: undefined };
  const skipped = { count: tooLong.length, first: tooLong.slice(0, NAMED_PROBLEMS) };
  if (skipped.count <= pairs.length * MAX_SKIPPED_SHARE) return { fitting, skipped };
  throw new RagError(
    "qa/invalid",
    `question-answer pairs: ${skipped.count} of ${pairs.length} are too long for the model (${named(skipped)}); shorten them or take them out, at most 5% may be skipped.`,
  );
}

/** What people are told of pairs that are skipped. */
export const skippedLine = (skipped: SkippedPairs): string =>
  `${skipped.count} ${skipped.count === 1 ? "pair is" : "pairs are"} skipped, too long for the model: ${named(skipped)}.`;

const named = ({ count, first }: SkippedPairs): string =>
  first.map(nameOne).join("; ") + (count > first.length ? "; …" : "");

const nameOne = ({ id, tokens: { count, isExact }, maxTokens }: TooLongPair): string =>
  `"${id}" needs ${isExact ? "" : "more than "}${count} tokens with its frame, ${maxTokens} are left for it`;
