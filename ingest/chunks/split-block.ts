import { segmentsOf } from "../../core/index.ts";
import type { Block } from "../readers/parsed-document.ts";
import type { Piece } from "./chunker.ts";

/** A piece of text this long is cut before it is looked at for sentences, whose search is slow on endless lines. */
const MAX_UNBROKEN_CHARACTERS = 20_000;

interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Pieces of a block of at most `maxTokens`: the block itself when it fits, else its lines (tables, code, lists) or sentences, and
 * only where one of these is too long, runs of words.
 */
export function* splitBlock(
  text: string,
  block: Block,
  countTokens: (text: string) => number,
  maxTokens: number,
): Generator<Piece> {
  const measure = (range: Range): Piece => ({
    ...range,
    tokens: countTokens(text.slice(range.start, range.end)),
  });
  const isLong = block.end - block.start > MAX_UNBROKEN_CHARACTERS;
  const whole = isLong ? undefined : measure(block);
  if (whole && whole.tokens <= maxTokens) {
    yield { start: whole.start, end: whole.end, tokens: whole.tokens };
    return;
  }
  for (const range of parts(text, block)) {
    const piece = measure(range);
    if (piece.tokens <= maxTokens) yield piece;
    else yield* wordRuns(text, range, countTokens, maxTokens);
  }
}

/** Where sentences begin in a range of text, and lines. */
export function sentenceStarts(text: string, { start, end }: Range): number[] {
  return [...lines(text, start, end)].flatMap((line) =>
    Array.from(
      segmentsOf(text.slice(line.start, line.end), "sentence"),
      (sentence) => line.start + sentence.start,
    ),
  );
}

function* parts(text: string, { kind, start, end }: Block): Generator<Range> {
  const isByLine =
    kind !== "paragraph" || /\n[^\S\n]*([-*+•]|\d+[.)])\s/.test(text.slice(start, end));
  if (isByLine) {
    yield* lines(text, start, end);
    return;
  }
  for (let from = start; from < end; from += MAX_UNBROKEN_CHARACTERS) {
    const to = Math.min(from + MAX_UNBROKEN_CHARACTERS, end);
    for (const sentence of segmentsOf(text.slice(from, to), "sentence")) {
      const range = trimmed(text, from + sentence.start, from + sentence.end);
      if (range) yield range;
    }
  }
}

function* lines(text: string, start: number, end: number): Generator<Range> {
  let from = start;
  while (from < end) {
    const found = text.indexOf("\n", from);
    const to = found < 0 || found > end ? end : found;
    const range = trimmed(text, from, to);
    if (range) yield range;
    from = to + 1;
  }
}

/** Words are taken until the next would be too many; a word that alone is too long is cut by characters. */
function* wordRuns(
  text: string,
  { start, end }: Range,
  countTokens: (text: string) => number,
  maxTokens: number,
): Generator<Piece> {
  let from = start;
  let tokens = 0;
  let to = start;
  for (const word of segmentsOf(text.slice(start, end), "word")) {
    const [at, wordEnd] = [start + word.start, start + word.end];
    const cost = countTokens(text.slice(at, wordEnd));
    if (tokens + cost > maxTokens && to > from) {
      yield { start: from, end: to, tokens };
      from = at;
      tokens = 0;
    }
    // No tokenizer makes more tokens of a text than it has UTF-8 bytes; four a unit is on the safe side.
    const step = Math.max(1, Math.floor(maxTokens / 4));
    for (let cut = at; cost > maxTokens && wordEnd - cut > step; cut += step) {
      yield { start: cut, end: cut + step, tokens: countTokens(text.slice(cut, cut + step)) };
      from = cut + step;
    }
    tokens += cost > maxTokens ? countTokens(text.slice(from, wordEnd)) : cost;
    to = wordEnd;
  }
  const rest = trimmed(text, from, to);
  if (rest) yield { ...rest, tokens };
}

/** A range without the white space at its ends; nothing when that is all there was. */
function trimmed(text: string, start: number, end: number): Range | undefined {
  const part = text.slice(start, end);
  const from = start + (part.length - part.trimStart().length);
  const to = end - (part.length - part.trimEnd().length);
  return from < to ? { start: from, end: to } : undefined;
}
