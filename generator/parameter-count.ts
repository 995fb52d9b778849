import type { DecoderConfig } from "./config.ts";
import { planModel } from "./families/index.ts";

/** How many numbers a model's weights hold; a tied head counts once. */
export function parameterCount(config: DecoderConfig): number {
  const { projections, plain } = planModel(config);
  const inProjections = projections.flatMap(({ parts, columns }) =>
    parts.map(({ rows, bias }) => rows * columns + (bias ? rows : 0)),
  );
  const inOthers = plain.map(({ shape }) => shape.reduce((product, length) => product * length, 1));
  return [...inProjections, ...inOthers].reduce((sum, count) => sum + count, 0);
}
