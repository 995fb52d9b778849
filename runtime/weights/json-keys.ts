/**
 * The first key that a JSON object has twice at its top level, which `JSON.parse` hides by keeping the last.
 * `text`: valid JSON of an object.
 */
export function repeatedKey(text: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let expectsKey = false;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '"') {
      const end = stringEnd(text, at);
      if (depth === 1 && expectsKey) {
        const key: string = JSON.parse(text.slice(at, end + 1));
        if (seen.has(key)) return key;
        seen.add(key);
        expectsKey = false;
      }
      at = end;
    } else if (character === "{" || character === "[") {
      depth++;
      expectsKey = depth === 1;
    } else if (character === "}" || character === "]") depth--;
    else if (character === "," && depth === 1) expectsKey = true;
  }
  return undefined;
}

/** Index of the quote that closes the string opened at `start`. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
