/** A text as token ids, and its place among those it came with. */
export interface TokenSequence {
  readonly index: number;
  readonly ids: readonly number[];
}

/** Softmax makes such a score exactly 0 in f32. */
const BLOCKED = -1e9;

/** Cuts sequences into batches of like length, each of at most so many padded tokens, or of one sequence. */
export function* tokenBatches<Sequence extends TokenSequence>(
  sequences: readonly Sequence[],
  maxTokens: number,
): Generator<readonly Sequence[]> {
  const sorted = sequences.toSorted((a, b) => a.ids.length - b.ids.length);
  let start = 0;
  for (let end = 1; end <= sorted.length; end++) {
    const next = sorted[end];
    if (next && (end - start + 1) * next.ids.length <= maxTokens) continue;
    yield sorted.slice(start, end);
    start = end;
  }
}

/** Rows of unequal length as one block, filled up with 0: [B · T]. */
export function padded(rows: readonly (readonly number[])[], length: number): number[] {
  const block = new Array<number>(rows.length * length).fill(0);
  for (const [row, values] of rows.entries()) {
    for (const [i, value] of values.entries()) block[row * length + i] = value;
  }
  return block;
}

/** What is added to attention scores: 0 for a token, very negative for padding; f32 [B · T]. */
export function paddingMask(rows: readonly (readonly number[])[], length: number): Float32Array {
  const mask = new Float32Array(rows.length * length).fill(BLOCKED);
  for (const [row, { length: filled }] of rows.entries()) {
    mask.fill(0, row * length, row * length + filled);
  }
  return mask;
}
