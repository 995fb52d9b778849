const SEGMENTERS = {
  word: new Intl.Segmenter(undefined, { granularity: "word" }),
  sentence: new Intl.Segmenter(undefined, { granularity: "sentence" }),
} as const;
/** Characters looked at at once. In Node 20 every segment holds a copy of the text it was found in: in one piece, time and memory are quadratic. */
const WINDOW_CHARACTERS = 1000;
/** What ends so close to a window's end is looked for again from the beginning of the next one: where it ends depends on what follows. */
const HELD_BACK_CHARACTERS = 100;

/** A word, what stands between two words, or a sentence; from `start` up to `end` in UTF-16 units. */
export interface Segment {
  readonly start: number;
  readonly end: number;
  /** Of words: a word or number, neither white space nor punctuation. */
  readonly isWordLike: boolean;
}

/**
 * All of a text in words (of languages without spaces, too) or sentences, in time and memory that grow with its length only.
 * @see Unicode Standard Annex 29
 */
export function* segmentsOf(
  text: string,
  granularity: keyof typeof SEGMENTERS,
): Generator<Segment> {
  const segmenter = SEGMENTERS[granularity];
  let size = WINDOW_CHARACTERS;
  for (let from = 0; from < text.length; ) {
    const to = Math.min(from + size, text.length);
    const found = segmentsWithin(segmenter, text, { from, to });
    const certain = to === text.length ? to : to - HELD_BACK_CHARACTERS;
    const done = found.filter(({ end }) => end <= certain);
    yield* done;
    // A window without a segment that is certain is looked at again with more of the text.
    size = done.length > 0 ? WINDOW_CHARACTERS : 2 * size;
    from = done.at(-1)?.end ?? from;
  }
}

/** How many words a text has. */
export function countWords(text: string): number {
  let count = 0;
  for (const { isWordLike } of segmentsOf(text, "word")) if (isWordLike) count++;
  return count;
}

/** Keeps places only: the segments themselves would keep their copies. */
function segmentsWithin(
  segmenter: Intl.Segmenter,
  text: string,
  { from, to }: { readonly from: number; readonly to: number },
): Segment[] {
  const found: Segment[] = [];
  for (const { segment, index, isWordLike = false } of segmenter.segment(text.slice(from, to))) {
    const start = from + index;
    found.push({ start, end: start + segment.length, isWordLike });
  }
  return found;
}
