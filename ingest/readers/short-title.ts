/** Titles of papers have up to this many characters. */
const MAX_CHARACTERS = 300;

/**
 * A title or heading as passages repeat it: of one that is longer than 300 characters its beginning, cut at white space where there is some
 * and ended by "…". What has a thousand passages would else be kept, and embedded, a thousand times.
 */
export function shortTitle(text: string): string {
  if (text.length <= MAX_CHARACTERS) return text;
  const beginning = text.slice(0, MAX_CHARACTERS);
  const words = /^(.*\S)\s+\S*$/s.exec(beginning)?.[1];
  return `${words ?? beginning.slice(0, -1).replace(/[\ud800-\udbff]$/, "")}…`;
}
