import assert from "node:assert/strict";
import { Random } from "../../core/index.ts";

/** A mean over questions and its 95% bootstrap interval, in the unit of the values. */
export interface Interval {
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

export interface BootstrapOptions {
  /** Per arm one value a question; all arms in the same order of questions. */
  readonly arms: ReadonlyMap<string, readonly number[]>;
  readonly seed: number;
  /** Default 10,000. */
  readonly resamples?: number;
}

export interface BootstrapResult {
  readonly arms: ReadonlyMap<string, Interval>;
  /** Mean of one arm minus the mean of another, over the same resampled questions. */
  difference(arm: string, baseline: string): Interval;
}

const LEVEL = 0.95;

/**
 * Paired percentile bootstrap over questions: every resample draws the same questions for all arms, so the
 * interval of a difference is not widened by how hard the drawn questions are.
 * @see Efron and Tibshirani, An Introduction to the Bootstrap, chapter 13
 */
export function bootstrap(options: BootstrapOptions): BootstrapResult {
  const { arms, seed, resamples = 10_000 } = options;
  const count = [...arms.values()][0]?.length ?? 0;
  assert.ok(count > 0, "at least one arm with one question");
  for (const [arm, values] of arms) assert.equal(values.length, count, `questions of ${arm}`);
  const means = resampledMeans(arms, count, { seed, resamples });
  const valuesOf = (arm: string) => {
    const values = arms.get(arm);
    assert.ok(values, `arm ${arm}`);
    return values;
  };
  return {
    arms: new Map(
      [...arms].map(([arm, values]) => [arm, toInterval(mean(values), means.get(arm)!)]),
    ),
    difference: (arm, baseline) => {
      const middle = mean(valuesOf(arm)) - mean(valuesOf(baseline));
      const base = means.get(baseline)!;
      return toInterval(
        middle,
        means.get(arm)!.map((value, i) => value - base[i]!),
      );
    },
  };
}

/** Per arm the mean of every resample. */
function resampledMeans(
  arms: ReadonlyMap<string, readonly number[]>,
  count: number,
  options: { readonly seed: number; readonly resamples: number },
): ReadonlyMap<string, Float64Array> {
  const random = new Random(options.seed);
  const columns = [...arms].map(([arm, values]) => ({
    arm,
    values: Float64Array.from(values),
    means: new Float64Array(options.resamples),
  }));
  const drawn = new Uint32Array(count);
  for (let resample = 0; resample < options.resamples; resample++) {
    for (let i = 0; i < count; i++) drawn[i] = random.integer(count);
    for (const { values, means } of columns) {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += values[drawn[i]!]!;
      means[resample] = sum / count;
    }
  }
  return new Map(columns.map(({ arm, means }) => [arm, means]));
}

function toInterval(middle: number, resampled: Float64Array): Interval {
  const sorted = resampled.toSorted();
  const outside = Math.floor(((1 - LEVEL) / 2) * sorted.length);
  return { mean: middle, low: sorted[outside]!, high: sorted[sorted.length - 1 - outside]! };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
