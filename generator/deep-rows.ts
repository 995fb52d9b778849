import type { Conditioning } from "./conditioning.ts";
import type { DecoderConfig } from "./config.ts";
import type { CacheRows } from "./key-value-cache.ts";
import { rotateRows } from "./rotary-tables.ts";

/** The rows of deep tokens as they stand in a cache behind `position` others: keys rotated to their places. */
export function deepRows(
  deep: Conditioning & { kind: "deep" },
  config: DecoderConfig,
  position: number,
): CacheRows {
  const size = config.keyValueHeads * deep.count * config.headDimension;
  const data = new Float32Array(config.layers * 2 * size);
  for (let layer = 0; layer < config.layers; layer++) {
    data.set(rotateRows(deep.keys[layer]!, config, position, deep.count), 2 * layer * size);
    data.set(deep.values[layer]!, (2 * layer + 1) * size);
  }
  return { data, count: deep.count };
}
