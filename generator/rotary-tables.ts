import type { DecoderConfig, Positions } from "./config.ts";

type Rotary = Positions & { kind: "rotary" };

/**
 * Cosines and sines of every position's angles: f32 [count, D/2] each, D the head dimension.
 * @see Su et al., arXiv 2104.09864, section 3.2.2
 */
export function rotaryTables(
  positions: Rotary,
  headDimension: number,
  count: number,
): { cosines: Float32Array; sines: Float32Array } {
  const half = headDimension / 2;
  const frequencies = rotaryFrequencies(positions, headDimension);
  const cosines = new Float32Array(count * half);
  const sines = new Float32Array(count * half);
  for (let position = 0; position < count; position++) {
    for (let i = 0; i < half; i++) {
      // The reference multiplies in f32; large positions show the difference.
      const angle = Math.fround(position * frequencies[i]!);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  }
  return { cosines, sines };
}

/** The angle per position of each pair: f32 [D/2]. */
function rotaryFrequencies(positions: Rotary, headDimension: number): Float32Array {
  const { base, factors } = positions;
  return Float32Array.from(
    { length: headDimension / 2 },
    (_, i) => 1 / base ** ((2 * i) / headDimension) / (factors?.[i] ?? 1),
  );
}

/**
 * Rotates rows of keys outside a graph: row r of every head is turned by the angles of position `first` + r. With learned
 * positions keys are not turned, and come back as they are.
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
  const { headDimension, positions } = config;
  if (positions.kind === "learned") return rows;
  const half = headDimension / 2;
  const frequencies = rotaryFrequencies(positions, headDimension);
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
