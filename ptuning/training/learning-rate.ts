import { METHODS } from "../methods/methods.ts";
import type { TuneSettings } from "../tune-settings.ts";

/** The settings' own rate, or the method's. */
export const learningRateOf = (settings: TuneSettings): number =>
  settings.learningRate ?? METHODS[settings.method].learningRate(settings);

/**
 * Of step `step`, counted from 0, of `steps`: linear decay from the first step on, which would be zero one step after the last, times a linear
 * warm-up that is full with step `warmupSteps`, counted from 1.
 */
export function scheduledRate(settings: TuneSettings, step: number, steps: number): number {
  const warm = Math.min(1, (step + 1) / Math.max(1, settings.warmupSteps));
  return learningRateOf(settings) * warm * (1 - step / steps);
}
