import { METHODS } from "../methods/methods.ts";
import type { TuneSettings } from "../tune-settings.ts";

/** The settings' own rate, or the method's. */
export const learningRateOf = (settings: TuneSettings): number =>
  settings.learningRate ?? METHODS[settings.method].learningRate(settings);

/** Linear warm-up, then linear decay to zero at the last step. `step` counts from 0. */
export function scheduledRate(settings: TuneSettings, step: number, steps: number): number {
  const warm = Math.min(1, (step + 1) / Math.max(1, settings.warmupSteps));
  return learningRateOf(settings) * warm * (1 - step / steps);
}
