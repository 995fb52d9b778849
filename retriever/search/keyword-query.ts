import { keywordText } from "./keyword-text.ts";

/** Words so common that matching them says nothing. */
const STOP_WORDS = new Set(
  (
    "a about after again all also am an and any are as at be because been before being between both but by can could did do does down " +
    "during each few for from further had has have he her here his how i if in into is it its just many me more most much my no not of " +
    "off on once only or other our out over own same she should so some such than that the their them then there these they this those " +
    "to under up very was we were what when where which while who whom whose why will with would you your s t"
  ).split(" "),
);
const MAX_WORDS = 64;

/**
 * An FTS5 expression that matches any of the words; each is quoted, so no text can be read as an operator.
 * Undefined when the text has no words.
 * @see SQLite, FTS5, section 3 (full-text query syntax)
 */
export function keywordExpression(text: string): string | undefined {
  const found = keywordText(text.toLowerCase()).match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const words = [...new Set(found)];
  const telling = words.filter((word) => !STOP_WORDS.has(word));
  const chosen = (telling.length > 0 ? telling : words).slice(0, MAX_WORDS);
  return chosen.length > 0 ? chosen.map(term).join(" OR ") : undefined;
}

/** A single letter of a script that is indexed in pairs stands for the pairs it begins. */
function term(word: string): string {
  return keywordText(word) === word || [...word].length > 1 ? `"${word}"` : `"${word}"*`;
}
