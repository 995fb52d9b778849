/** A single step's loss says little. */
const REPORTED_STEPS = 10;

/** The loss that a run is said to end with: the mean of its last steps. */
export function reportedLoss(curve: readonly number[]): number {
  const recent = curve.slice(-REPORTED_STEPS);
  return recent.reduce((sum, loss) => sum + loss, 0) / recent.length;
}
