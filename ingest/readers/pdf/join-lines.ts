/** Scripts that are written without spaces between words. */
const SPACELESS =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}、。，！？：；「」『』（）]/u;

/** A line and the next as one: a word divided at the line's end is put together again; a hyphen before a capital or digit stays. */
export function joinLines(before: string, after: string): string {
  const [start, next] = [before.trimEnd(), after.trim()];
  if (/\p{L}[-\u00ad\u2010]$/u.test(start) && /^\p{Ll}/u.test(next))
    return start.slice(0, -1) + next;
  if (/[-\u2010]$/.test(start) && /^[\p{L}\p{N}]/u.test(next)) return start + next;
  const isSpaceless = SPACELESS.test(start.at(-1) ?? "") && SPACELESS.test(next[0] ?? "");
  return isSpaceless ? start + next : `${start} ${next}`;
}
