/** Words so common that matching them says nothing. */
const STOP_WORDS = new Set(
  (
    "a about after again all also am an and any are as at be because been before being between both but by can could did do does down " +
    "during each few for from further had has have he her here his how i if in into is it its just many me more most much my no not of " +
    "off on once only or other our out over own same she should so some such than that the their them then there these they this those " +
    "to under up very was we were what when where which while who whom whose why will with would you your s t"
  ).split(" "),
);

/** Words in lower case without those that say nothing, unless there are no others. English only. */
export function tellingWords(words: readonly string[]): readonly string[] {
  const telling = words.filter((word) => !STOP_WORDS.has(word));
  return telling.length > 0 ? telling : words;
}
