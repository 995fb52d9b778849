/** Text up to this long is parsed several times to find where it stops being JSON. */
const MAX_SEARCHED_CHARACTERS = 2 ** 20;

/** Editors on Windows put it in front of UTF-8. */
const BYTE_ORDER_MARK = /^\ufeff/;

/**
 * `JSON.parse`, but for a byte order mark, whose failure tells where, and never what stands there: the engine's own message quotes the text, which may be a
 * document or hold a key. `failure` makes the error out of the problem, such as "no valid JSON (line 2, column 7)".
 */
export function parseJson(content: string, failure: (problem: string) => Error): unknown {
  const text = content.replace(BYTE_ORDER_MARK, "");
  try {
    return JSON.parse(text);
  } catch (thrown) {
    // Not as its cause: --debug shows causes.
    throw failure(`no valid JSON${placeOf(text, (thrown as Error).message)}`);
  }
}

function placeOf(text: string, message: string): string {
  if (message.startsWith("Unexpected end")) return " (it ends too early)";
  const position = / at position (\d+)(?: \([^)]*\))?$/.exec(message)?.[1];
  const at = position === undefined ? unexpectedToken(text) : Number(position);
  if (at === undefined) return "";
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return ` (line ${line}, column ${at - before.lastIndexOf("\n")})`;
}

/** Where the token is of which the engine says no position: the longest beginning of the text that lacks it ends there. */
function unexpectedToken(text: string): number | undefined {
  if (text.length > MAX_SEARCHED_CHARACTERS) return undefined;
  let [without, within] = [0, text.length];
  while (within - without > 1) {
    const middle = (without + within) >>> 1;
    if (hasUnexpectedToken(text.slice(0, middle))) within = middle;
    else without = middle;
  }
  return without;
}

function hasUnexpectedToken(text: string): boolean {
  try {
    JSON.parse(text);
    return false;
  } catch (thrown) {
    return (thrown as Error).message.startsWith("Unexpected token");
  }
}
