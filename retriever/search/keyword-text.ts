/**
 * Scripts whose words are not set apart by spaces (Chinese, Japanese, Thai, …), or carry endings without a border (Korean).
 * @see Unicode, Script property
 */
const UNSPACED =
  /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;

/** Where a word may, or may not, be divided at a line's end: soft hyphen, word joiner and its former form. They part no word. */
const INVISIBLE_JOINTS = /[\u00ad\u2060\ufeff]/g;

/**
 * One way of writing what can be written in several: letters in parts or whole, full or half width, ligatures, with or without soft hyphens.
 * @see Unicode Standard Annex 15, form NFKC
 */
export const normalText = (text: string): string =>
  text.normalize("NFKC").replace(INVISIBLE_JOINTS, "");

/**
 * Text as the keyword index sees it, in its normal form: runs of such a script become overlapping pairs of letters, so that a word is found whatever
 * stands before and after it.
 */
export function keywordText(text: string): string {
  return normalText(text).replace(UNSPACED, (run) => {
    const letters = [...run];
    if (letters.length === 1) return ` ${run} `;
    const pairs = letters.slice(1).map((letter, index) => `${letters[index]}${letter}`);
    return ` ${pairs.join(" ")} `;
  });
}
