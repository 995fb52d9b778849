/** So many letters tell something. */
const MIN_LETTERS = 10;
/** Shares of the characters beyond ASCII: vowels and tone marks that Thai has at least, consonants, and what hardly ever occurs in it. */
const MIN_VOWEL_SHARE = 0.2;
const MIN_CONSONANT_SHARE = 0.4;
const MAX_FOREIGN_SHARE = 0.05;
/** Share of the vowels and marks that may stand where none can. */
const MAX_MISPLACED_SHARE = 0.05;
/** Quotes, dashes and spaces, which every alphabet has. */
const NEUTRAL = /[\u00a0\u2013\u2014\u2018\u2019\u201c\u201d\u2022\u2026\u20ac]/;

/**
 * Whether a text, decoded as windows-874, is Thai. Nearly all bytes of other encodings are Thai letters in that one; what tells is that a vowel or
 * tone mark stands behind a consonant or another of them, and a leading vowel before a consonant.
 * @see The Unicode Standard, chapter 16.1
 */
export function isThai(text: string): boolean {
  let [consonants, vowels, misplaced, foreign] = [0, 0, 0, 0];
  for (let at = 0; at < text.length; at++) {
    const letter = text[at]!;
    if (letter <= "\x7f" || NEUTRAL.test(letter)) continue;
    if (isConsonant(letter)) consonants++;
    else if (isLeading(letter)) {
      vowels++;
      if (!isConsonant(text[at + 1] ?? "")) misplaced++;
    } else if (isFollowing(letter)) {
      vowels++;
      const before = text[at - 1] ?? "";
      if (!isConsonant(before) && !isFollowing(before)) misplaced++;
    } else foreign++;
  }
  const all = consonants + vowels + foreign;
  return (
    consonants + vowels >= MIN_LETTERS &&
    consonants >= MIN_CONSONANT_SHARE * all &&
    vowels >= MIN_VOWEL_SHARE * all &&
    foreign <= MAX_FOREIGN_SHARE * all &&
    misplaced <= MAX_MISPLACED_SHARE * vowels
  );
}

const isConsonant = (letter: string): boolean => letter >= "\u0e01" && letter <= "\u0e2e";
const isLeading = (letter: string): boolean => letter >= "\u0e40" && letter <= "\u0e44";
/** Vowels behind, above and below a consonant, tone marks, and the sign for a repeated word. */
const isFollowing = (letter: string): boolean =>
  (letter >= "\u0e30" && letter <= "\u0e3a") || (letter >= "\u0e45" && letter <= "\u0e4e");
