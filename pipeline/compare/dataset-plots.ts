import { readsPassages } from "./cells.ts";
import { withMostTokens } from "./most-tokens.ts";
import { plot, type Series } from "./plots.ts";
import type { ComparedArm } from "./summary.ts";

/** An SVG image and the file name it can go by. */
export interface NamedPlot {
  readonly name: string;
  readonly svg: string;
}

/** Few, so that each is the mean of many noisy steps. */
const LOSS_POINTS = 40;

/** The plots of one dataset's arms that have something to show: with all virtual tokens, with the first number of passages, but along these. */
export function datasetPlots(arms: readonly ComparedArm[]): readonly NamedPlot[] {
  const whole = withMostTokens(
    arms,
    ({ arm, passages }) => JSON.stringify([arm, passages]),
    ({ tokens }) => tokens,
  );
  const isFirst = ({ passages }: ComparedArm) => passages === arms[0]!.passages;
  const trained = whole.filter((arm) => arm.training && isFirst(arm));
  // One point tells nothing that the table does not.
  const byParameters = (trained.length > 1 ? trained : []).map((arm): Series => {
    const point = [arm.training!.trainedParameters, arm.f1.mean] as const;
    return { name: arm.arm, points: [point], ranges: [[arm.f1.low, arm.f1.high]] };
  });
  const lossOf = ({ arm, training }: ComparedArm): Series => ({
    name: arm,
    points: thinned(training!.lossCurves[0] ?? []),
  });
  const byPassages = curve(whole, (arm) => (readsPassages(arm) ? arm.passages : "all"));
  const [f1, hasLines] = ["F1", true];
  const plots: readonly NamedPlot[] = [
    {
      name: "parameters",
      svg: plot(byParameters, {
        title: "F1 by trained parameters",
        x: "trained parameters",
        y: f1,
        isLogarithmic: true,
      }),
    },
    {
      name: "tokens",
      svg: plot(curve(arms.filter(isFirst), usedTokens), {
        title: "F1 by first virtual tokens used",
        x: "virtual tokens",
        y: f1,
        hasLines,
      }),
    },
    {
      name: "passages",
      svg: plot(byPassages, { title: "F1 by passages", x: "passages", y: f1, hasLines }),
    },
    {
      name: "loss",
      svg: plot(trained.map(lossOf), { title: "Training loss", x: "step", y: "loss", hasLines }),
    },
  ];
  return plots.filter(({ svg }) => svg !== "");
}

/** How many virtual tokens an arm answered with. */
const usedTokens = ({ tokens, training }: ComparedArm): number | "all" =>
  training && training.virtualTokens > 0
    ? Math.min(tokens === "all" ? training.virtualTokens : tokens, training.virtualTokens)
    : "all";

/** One line an arm along numbers that vary; arms with one value only are left out. */
function curve(
  arms: readonly ComparedArm[],
  along: (arm: ComparedArm) => number | "all",
): readonly Series[] {
  const names = [...new Set(arms.map(({ arm }) => arm))];
  return names
    .map((name): Series => {
      const points = arms
        .filter(({ arm }) => arm === name)
        .flatMap((arm) => {
          const x = along(arm);
          return x === "all" ? [] : [[x, arm.f1.mean] as const];
        });
      // Sixteen tokens and all of sixteen answer the same.
      const isUnique = (x: number, index: number) => points.findIndex(([px]) => px === x) === index;
      return {
        name,
        points: points.filter(([x], index) => isUnique(x, index)).sort((a, b) => a[0] - b[0]),
      };
    })
    .filter(({ points }) => points.length > 1);
}

/** A long curve as the means of equal stretches. */
function thinned(values: readonly number[]): (readonly [number, number])[] {
  const stretch = Math.max(1, Math.ceil(values.length / LOSS_POINTS));
  const points: (readonly [number, number])[] = [];
  for (let start = 0; start < values.length; start += stretch) {
    const some = values.slice(start, start + stretch);
    points.push([start + 1, some.reduce((sum, value) => sum + value, 0) / some.length]);
  }
  return points;
}
