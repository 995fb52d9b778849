import type { DecoderConfig, RotaryScaling } from "./config.ts";

/**
 * Cosines and sines of every position's angles: f32 [positions, D/2] each, D the head dimension.
 * @see Su et al., arXiv 2104.09864, section 3.2.2
 */
export function rotaryTables(
  config: DecoderConfig,
  positions: number,
): { cosines: Float32Array; sines: Float32Array } {
  const half = config.headDimension / 2;
  const frequencies = rotaryFrequencies(config);
  const cosines = new Float32Array(positions * half);
  const sines = new Float32Array(positions * half);
  for (let position = 0; position < positions; position++) {
    for (let i = 0; i < half; i++) {
      // The reference multiplies in f32; large positions show the difference.
      const angle = Math.fround(position * frequencies[i]!);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return { cosines, sines };
}

function rotaryFrequencies(config: DecoderConfig): Float32Array {
  const { headDimension, rotaryBase, rotaryScaling } = config;
  return Float32Array.from({ length: headDimension / 2 }, (_, i) => {
    const frequency = 1 / rotaryBase ** ((2 * i) / headDimension);
    return rotaryScaling ? stretch(frequency, rotaryScaling) : frequency;
  });
}

/** Long waves are slowed by the factor, short ones kept, those between blended. */
function stretch(frequency: number, scaling: RotaryScaling): number {
  const { factor, lowFrequencyFactor, highFrequencyFactor, originalContextLength } = scaling;
  const waves = (originalContextLength * frequency) / (2 * Math.PI);
  if (waves < lowFrequencyFactor) return frequency / factor;
  if (waves > highFrequencyFactor) return frequency;
  const blend = (waves - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
  return (1 - blend) * (frequency / factor) + blend * frequency;
}

/**
 * Rotates rows of keys outside a graph: row r of every head is turned by the angles of position `first` + r.
 * rows: f32 [heads, count, D] → the same shape.
 */
export const rotateRows = (
  rows: Float32Array,
  config: DecoderConfig,
  first: number,
  count: number,
): Float32Array => turnRows(rows, config, (row) => first + (row % count));

/** Undoes {@link rotateRows}. */
export const unrotateRows = (
  rows: Float32Array,
  config: DecoderConfig,
  first: number,
  count: number,
): Float32Array => turnRows(rows, config, (row) => -(first + (row % count)));

function turnRows(
  rows: Float32Array,
  config: DecoderConfig,
  positionOf: (row: number) => number,
): Float32Array {
  const { headDimension } = config;
  const half = headDimension / 2;
  const frequencies = rotaryFrequencies(config);
  const out = new Float32Array(rows.length);
  for (let start = 0; start < rows.length; start += headDimension) {
    const position = positionOf(start / headDimension);
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]!);
      const [x, y] = [rows[start + i]!, rows[start + half + i]!];
      out[start + i] = x * Math.cos(angle) - y * Math.sin(angle);
      out[start + half + i] = y * Math.cos(angle) + x * Math.sin(angle);
    }
  }
  return out;
}
