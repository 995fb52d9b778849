/**
 * Scripts whose words are not set apart by spaces (Chinese, Japanese, Thai, …), or carry endings without a border (Korean).
 * @see Unicode, Script property
 */
const UNSPACED =
  /[\p{Script=Hangul}\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}ー\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+/gu;

/**
 * Text as the keyword index sees it: runs of such a script become overlapping pairs of letters, so that a word is found whatever
 * stands before and after it. Other text stays as it is.
 */
export function keywordText(text: string): string {
  return text.replace(UNSPACED, (run) => {
    const letters = [...run];
    if (letters.length === 1) return ` ${run} `;
    const pairs = letters.slice(1).map((letter, index) => `${letters[index]}${letter}`);
    return ` ${pairs.join(" ")} `;
  });
}
