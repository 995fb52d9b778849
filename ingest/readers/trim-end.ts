/**
 * A text without the characters at its end that a pattern for one character matches. A pattern for all of them, such as `[ #]+$`, would take
 * the square of the time that a long run of them within the text is long.
 */
export function trimEndOf(text: string, character: RegExp): string {
  let end = text.length;
  while (end > 0 && character.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}
