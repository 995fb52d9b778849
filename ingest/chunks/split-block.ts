import { segmentsOf } from "../../core/index.ts";
import type { Block } from "../readers/parsed-document.ts";
import type { Piece } from "./chunker.ts";

/**
 * Characters that a passage may have for each token it may have. Ordinary text has four to seven; but a tokenizer counts a run of letters that it
 * does not know (a genome, Thai, hexadecimal digits) as one token, however long it is.
 */
const CHARACTERS_PER_TOKEN = 8;

interface Range {
  readonly start: number;
  readonly end: number;
}

/** Whether so many characters may be a passage of at most `maxTokens`. */
export const isShortEnough = (characters: number, maxTokens: number): boolean =>
  characters <= maxTokens * CHARACTERS_PER_TOKEN;

/** Whether a piece may be a passage of at most `maxTokens`, by its tokens and its characters. */
const fits = ({ start, end, tokens }: Piece, maxTokens: number): boolean =>
  tokens <= maxTokens && isShortEnough(end - start, maxTokens);

/**
 * Pieces of a block of at most `maxTokens` and eight times as many characters: the block itself when it fits, else its lines (tables, code,
 * lists) or sentences, and only where one of these is too long, its lines or runs of words.
 */
export function* splitBlock(
  text: string,
  block: Block,
  countTokens: (text: string) => number,
  maxTokens: number,
): Generator<Piece> {
  const measure = ({ start, end }: Range): Piece => ({
    start,
    end,
    tokens: countTokens(text.slice(start, end)),
  });
  // What is too long by its characters need not be counted.
  const fitting = (range: Range): Piece | undefined => {
    const piece = isShortEnough(range.end - range.start, maxTokens) ? measure(range) : undefined;
    return piece && fits(piece, maxTokens) ? piece : undefined;
  };
  const whole = fitting(block);
  if (whole) {
    yield whole;
    return;
  }
  for (const range of parts(text, block)) {
    const piece = fitting(range);
    if (piece) {
      yield piece;
      continue;
    }
    // Lines without sentences, such as a log's, end on purpose.
    for (const line of lines(text, range.start, range.end)) {
      const short = fitting(line);
      if (short) yield short;
      else yield* wordRuns(text, line, measure, maxTokens);
    }
  }
}

/** Where sentences of a range of text begin; in lists, where lines do. */
export function sentenceStarts(text: string, range: Range): number[] {
  const sentencesIn = (part: Range) => Array.from(sentences(text, part), ({ start }) => start);
  if (!isList(text, range)) return sentencesIn(range);
  return [...lines(text, range.start, range.end)].flatMap(sentencesIn);
}

function* parts(text: string, block: Block): Generator<Range> {
  if (block.kind !== "paragraph" || isList(text, block)) yield* lines(text, block.start, block.end);
  else yield* sentences(text, block);
}

const isList = (text: string, { start, end }: Range): boolean =>
  /\n[^\S\n]*([-*+•]|\d+[.)])\s/.test(text.slice(start, end));

/** Sentences go on over the end of a line, but not over a blank one. */
function* sentences(text: string, { start, end }: Range): Generator<Range> {
  // As long as before, so that places stay the same.
  const unwrapped = text.slice(start, end).replace(/(?<=\S[^\S\n]*)\n(?=[^\S\n]*\S)/g, " ");
  for (const sentence of segmentsOf(unwrapped, "sentence")) {
    const range = trimmed(text, start + sentence.start, start + sentence.end);
    if (range) yield range;
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

/** Words are taken until the next would be too many. White space too long to be part of a passage is left out. */
function* wordRuns(
  text: string,
  range: Range,
  measure: (range: Range) => Piece,
  maxTokens: number,
): Generator<Piece> {
  let run: Piece = { start: range.start, end: range.start, tokens: 0 };
  for (const word of wordsOf(text, range, measure, maxTokens)) {
    const grown = { start: run.start, end: word.end, tokens: run.tokens + word.tokens };
    if (fits(grown, maxTokens)) {
      run = grown;
      continue;
    }
    if (run.end > run.start) yield run;
    run = isBlank(text, word) ? { start: word.end, end: word.end, tokens: 0 } : word;
  }
  if (run.end > run.start) yield run;
}

/** Words and what stands between them; a word that alone is too long is cut by characters. */
function* wordsOf(
  text: string,
  { start, end }: Range,
  measure: (range: Range) => Piece,
  maxTokens: number,
): Generator<Piece> {
  // No tokenizer makes more tokens of a text than it has UTF-8 bytes; four a unit is on the safe side.
  const step = Math.max(2, Math.floor(maxTokens / 4));
  for (const segment of segmentsOf(text.slice(start, end), "word")) {
    const word = measure({ start: start + segment.start, end: start + segment.end });
    if (fits(word, maxTokens) || isBlank(text, word)) {
      yield word;
      continue;
    }
    for (let from = word.start; from < word.end; ) {
      const to = Math.min(from + step, word.end);
      const whole = isWithinCharacter(text, to) ? to - 1 : to;
      yield measure({ start: from, end: whole });
      from = whole;
    }
  }
}

const isBlank = (text: string, { start, end }: Range): boolean =>
  text.slice(start, end).trim() === "";

/** Whether an offset parts the two surrogates of a character. */
const isWithinCharacter = (text: string, at: number): boolean =>
  /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(at - 1, at + 1));

/** A range without the white space at its ends; nothing when that is all there was. */
function trimmed(text: string, start: number, end: number): Range | undefined {
  const part = text.slice(start, end);
  const from = start + (part.length - part.trimStart().length);
  const to = end - (part.length - part.trimEnd().length);
  return from < to ? { start: from, end: to } : undefined;
}
