/** One comparison with a recorded truth. */
export interface Check {
  readonly subject: string;
  readonly check: string;
  /** The largest difference, or how many ids differ. */
  readonly difference: number;
  readonly tolerance: number;
}

/** Something in the golden folder that this version does not compare, and why. */
export interface Uncovered {
  readonly subject: string;
  readonly check: string;
  readonly reason: string;
}

export interface ParityReport {
  readonly checks: readonly Check[];
  readonly uncovered: readonly Uncovered[];
}

/** Largest |found − expected|; infinite when the lengths differ or a number is missing. */
export function largestDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    if (!(difference <= largest)) largest = difference;
    if (Number.isNaN(difference)) return Number.POSITIVE_INFINITY;
  }
  return largest;
}

/** The largest difference as a share of the largest expected entry. */
export function relativeDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  let scale = 0;
  for (let i = 0; i < expected.length; i++) scale = Math.max(scale, Math.abs(expected[i]!));
  return largestDifference(found, expected) / scale;
}

/** How many places differ. */
export const countDifferences = (found: readonly unknown[], expected: readonly unknown[]): number =>
  Math.abs(found.length - expected.length) +
  expected.filter((value, index) => index < found.length && found[index] !== value).length;
