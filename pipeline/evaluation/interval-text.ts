import type { Interval } from "./intervals.ts";

/** A difference with its interval: "+4.2 (-0.3 to +8.8)". */
export function signedInterval({ mean, low, high }: Interval): string {
  const signed = (value: number) => `${value < 0 ? "" : "+"}${value.toFixed(1)}`;
  return `${signed(mean)} (${signed(low)} to ${signed(high)})`;
}
