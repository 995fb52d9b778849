/** @see RFC 8259, section 6 */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const NUMBER_START = /[-\d]/;
const NUMBER_PART = /[-+.\deE]/;

/** A JSON text whose numbers are strings of their own digits where `isText` says so. What is no JSON stays none. */
export function numbersAsText(json: string, isText: (number: string) => boolean): string {
  const parts: string[] = [];
  let copied = 0;
  for (let at = 0; at < json.length; ) {
    if (!NUMBER_START.test(json[at]!)) {
      at = json[at] === '"' ? stringEnd(json, at) : at + 1;
      continue;
    }
    const end = numberEnd(json, at);
    const number = json.slice(at, end);
    if (NUMBER.test(number) && isText(number)) {
      parts.push(json.slice(copied, at), `"${number}"`);
      copied = end;
    }
    at = end;
  }
  return parts.join("") + json.slice(copied);
}

/** Whether a number is written in another way than its value would be, such as 1.10, or has more digits than are kept. */
export const isWrittenOtherwise = (number: string): boolean => String(Number(number)) !== number;

/** Whether it is a whole number of which digits would be lost: an id, not an amount. */
export const losesDigits = (number: string): boolean =>
  /^-?[1-9]\d*$/.test(number) && isWrittenOtherwise(number);

function stringEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

function numberEnd(json: string, start: number): number {
  let at = start + 1;
  while (at < json.length && NUMBER_PART.test(json[at]!)) at++;
  return at;
}
