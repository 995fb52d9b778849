/** Words so common that matching them says nothing. */
const STOP_WORDS = new Set(
  (
    "a an and are as at be been but by can did do does for from had has have he her his how i if in into is it its " +
    "many me my much of on or our she so that the their them then there these they this those to was we were what when " +
    "where which while who whom whose why will with would you your"
  ).split(" "),
);
const MAX_WORDS = 64;

/**
 * An FTS5 expression that matches any of the words; each is quoted, so no text can be read as an operator.
 * Undefined when the text has no words.
 * @see SQLite, FTS5, section 3 (full-text query syntax)
 */
export function keywordExpression(text: string): string | undefined {
  const words = [...new Set(text.toLowerCase().match(/[\p{L}\p{N}\p{M}]+/gu) ?? [])];
  const telling = words.filter((word) => !STOP_WORDS.has(word));
  const chosen = (telling.length > 0 ? telling : words).slice(0, MAX_WORDS);
  return chosen.length > 0 ? chosen.map((word) => `"${word}"`).join(" OR ") : undefined;
}
