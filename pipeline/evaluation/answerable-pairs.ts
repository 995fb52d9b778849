import type { Generator } from "../../generator/index.ts";
import { type PairsByRoom, pairsByRoom, type QaPair } from "../../ptuning/index.ts";
import { type Arm, lackOfRoom, withLikeLengths } from "./arms.ts";

/**
 * The pairs that every arm can answer, and those that are too long for one of them; to be asked before the first answer, for the scores of an
 * evaluation that breaks off are lost.
 * @throws RagError qa/invalid when more than 5% are too long
 */
export function answerablePairs(
  pairs: readonly QaPair[],
  arms: readonly Arm[],
  generator: Generator,
): PairsByRoom {
  const compared = withLikeLengths(arms);
  return pairsByRoom(pairs, (pair) => {
    const lacks = compared.flatMap((arm) => lackOfRoom(arm, generator, pair) ?? []);
    // The one that a shortened pair has to fit.
    return lacks.sort((a, b) => a.maxTokens - b.maxTokens)[0];
  });
}
