import { keywordText } from "./keyword-text.ts";
import { tellingWords } from "./telling-words.ts";

const MAX_WORDS = 64;

/**
 * An FTS5 expression that matches any of the words; each is quoted, so no text can be read as an operator.
 * Undefined when the text has no words.
 * @see SQLite, FTS5, section 3 (full-text query syntax)
 */
export function keywordExpression(text: string): string | undefined {
  const found = keywordText(text.toLowerCase()).match(/[\p{L}\p{N}\p{M}]+/gu) ?? [];
  const words = [...new Set(found)];
  const chosen = tellingWords(words).slice(0, MAX_WORDS);
  return chosen.length > 0 ? chosen.map(term).join(" OR ") : undefined;
}

/** A single letter of a script that is indexed in pairs stands for the pairs it begins. */
function term(word: string): string {
  return keywordText(word) === word || [...word].length > 1 ? `"${word}"` : `"${word}"*`;
}
