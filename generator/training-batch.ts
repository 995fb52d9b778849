import { floats, integers, type Tensor } from "../runtime/index.ts";
import { type Conditioning, virtualCountOf } from "./conditioning.ts";
import { BLOCKED } from "./masks.ts";
import type { TrainingExample } from "./trainer-engine.ts";

/** The rows of some of the tokens of an example's passages, as they are kept. */
export interface PassageBlock {
  /** f32 or f16 [layers · 2 · KV heads, count, D] */
  readonly data: Float32Array | Uint16Array;
  readonly count: number;
  readonly byteLength: number;
}

/** The rows of an example's passages, block after block. */
export interface PassageRows {
  readonly blocks: readonly PassageBlock[];
  readonly count: number;
}

/** An example with the rows that stand before its tail. */
export interface PreparedExample {
  readonly example: TrainingExample;
  readonly passage: PassageRows;
}

/**
 * Cuts a batch into pieces that run one after another, whose losses and gradients add up: examples of similar length
 * together, so that little is computed for padding, and at most `maxTokens` tokens (or one example) at a time, so that
 * what the forward pass keeps for the gradient stays small. Each example has `virtualCount` virtual tokens in front of its own.
 */
export function cutBatch(
  batch: readonly PreparedExample[],
  sizes: { readonly maxTokens: number; readonly virtualCount: number },
): readonly (readonly PreparedExample[])[] {
  const { maxTokens, virtualCount } = sizes;
  const tokensOf = (one: PreparedExample) => virtualCount + tailLength(one);
  const ordered = [...batch].sort(
    (a, b) => tailLength(a) - tailLength(b) || a.passage.count - b.passage.count,
  );
  const tokens = ordered.reduce((sum, one) => sum + tokensOf(one), 0);
  const size = Math.ceil(ordered.length / Math.max(1, Math.ceil(tokens / maxTokens)));
  const pieces: PreparedExample[][] = [];
  for (const one of ordered) {
    const piece = pieces.at(-1);
    const fits = piece && piece.length < size && (piece.length + 1) * tokensOf(one) <= maxTokens;
    if (fits) piece.push(one);
    else pieces.push([one]);
  }
  return pieces;
}

const tailLength = ({ example }: PreparedExample): number =>
  example.ids.length + example.answerIds.length - 1;

/** The feeds of one piece of a batch. */
export interface LaidOut {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly pastLength: number;
  /** T */
  readonly tokens: number;
  readonly deepPositions: Tensor;
}

/**
 * Lays examples of different lengths out as one batch. Columns of the mask: padded passages, deep tokens, then the tail
 * (virtual tokens, question, answer but its last token). Padding is never attended to nor scored. Each example weighs one part in
 * `batchSize`.
 */
export function layOut(
  piece: readonly PreparedExample[],
  conditioning: Conditioning,
  batchSize: number,
): LaidOut {
  const virtualCount = virtualCountOf(conditioning);
  const deepCount = conditioning.count - virtualCount;
  const longest = Math.max(...piece.map(tailLength));
  const pastLength = Math.max(...piece.map(({ passage }) => passage.count));
  const tokens = virtualCount + longest;
  const columns = pastLength + deepCount + tokens;
  const mask = new Float32Array(piece.length * tokens * columns);
  const positions: number[] = [];
  const deepPositions: number[] = [];
  const after: number[] = [];
  const [rows, labels, weights]: [number[], number[], number[]] = [[], [], []];
  for (const [index, { example, passage }] of piece.entries()) {
    const { ids, answerIds } = example;
    const past = passage.count;
    const tail = [...ids, ...answerIds.slice(0, -1)];
    for (let i = 0; i < deepCount; i++) deepPositions.push(past + i);
    const first = past + deepCount;
    const last = first + virtualCount + tail.length - 1;
    for (let i = 0; i < tokens; i++) {
      // Padding behind an example that fills the context would have positions that no table holds.
      positions.push(Math.min(first + i, last));
      const row = (index * tokens + i) * columns;
      mask.fill(BLOCKED, row + past, row + pastLength);
      mask.fill(BLOCKED, row + pastLength + deepCount + i + 1, row + columns);
    }
    after.push(...tail, ...new Array<number>(longest - tail.length).fill(0));
    for (const [i, label] of answerIds.entries()) {
      rows.push(index * tokens + virtualCount + ids.length - 1 + i);
      labels.push(label);
      weights.push(1 / (answerIds.length * batchSize));
    }
  }
  const count = piece.length;
  return {
    pastLength,
    tokens,
    deepPositions: integers(deepPositions, [count, deepCount]),
    feeds: {
      before: integers([], [count, 0]),
      after: integers(after, [count, longest]),
      positions: integers(positions, [count, tokens]),
      mask: floats(mask, [count, 1, tokens, columns]),
      rows: integers(rows),
      labels: integers(labels),
      labelWeights: floats(Float32Array.from(weights), [weights.length]),
    },
  };
}
