/** The first piece of a text that is encoded at all, however little room there is. */
const SHORTEST_PIECE = 256;
/** By how many tokens a text can seem longer where it is cut: the last word, and no more, is read otherwise. */
const TOKENS_CHANGED_BY_CUT = 128;

/** A number of tokens; where `isExact` is not set, there are more. */
export interface TokenCount {
  readonly count: number;
  readonly isExact: boolean;
}

/** Ids of a text, or those of its beginning. */
export interface BoundedEncoding {
  readonly ids: readonly number[];
  /** The text has more than the allowed ids, and was not read to its end. */
  readonly isCut: boolean;
}

/**
 * Encodes a text, but reads no more of it than it takes to be certain that it has more than `maxIds` ids: encoding takes a second for
 * some 100,000 characters, and the thread does nothing else meanwhile. A text that is not cut may have more ids, too.
 */
export function encodeUpTo(
  encode: (text: string) => number[],
  text: string,
  maxIds: number,
): BoundedEncoding {
  for (let length = Math.max(maxIds, SHORTEST_PIECE); length < text.length; length *= 2) {
    const ids = encode(text.slice(0, length));
    if (ids.length > maxIds + TOKENS_CHANGED_BY_CUT) return { ids, isCut: true };
  }
  return { ids: encode(text), isCut: false };
}
