import { analyse } from "chardet";
import { RagError } from "../../core/index.ts";
import { decodeBytes } from "./standard-text-decoder.ts";
import { isThai } from "./thai-text.ts";
import { decodeUtf32, utf32Of } from "./utf-32.ts";

const UTF8_MARK = [0xef, 0xbb, 0xbf];
/** Bytes looked at to tell text from binary data, and one encoding from another. */
const SNIFFED_BYTES = 65_536;
/** Share of zero bytes on one side of the pairs, and not on the other, that shows UTF-16. */
const UTF16_SHARE = 0.3;
/** A file without a mark must be this long for its zero bytes to tell anything. */
const MIN_UNMARKED_BYTES = 16;
/** A guess that is less sure than this (0 to 100) is none. */
const MIN_CONFIDENCE = 20;
/** How sure it must be of an alphabet other than the Western European one, and by how much likelier. */
const MIN_ALPHABET_CONFIDENCE = 40;
const MIN_LEAD = 10;
/**
 * Share of what is not ASCII that may be broken in UTF-8: text of another encoding is hardly ever valid in it, so a few bad bytes are damage.
 * More is forgiven where the file says that it is UTF-8.
 */
const MAX_BROKEN_SHARE = 0.05;
const MAX_LABELLED_BROKEN_SHARE = 0.5;
const REPLACEMENT = "\ufffd";
/** Encodings of more than one byte a letter: a text that is valid in one of them is hardly by accident. */
const MULTIBYTE = new Set(["Shift_JIS", "EUC-JP", "EUC-KR", "GB18030", "Big5"]);
/** What begin Japanese letters in ISO-2022-JP, whose bytes are ASCII otherwise. @see RFC 1468 */
const JAPANESE_ESCAPES = ["\u001b$@", "\u001b$B"];

const SINGLE_BYTE = /^(windows-|KOI8|ISO-8859)/i;
const WESTERN = /^(windows-1252|ISO-8859-1)$/i;

/**
 * Text of a file: UTF-8 (also with a few broken bytes), UTF-16, UTF-32 with a mark, or the encoding its bytes look like (Windows-125x, Windows-874,
 * EUC-KR, Shift-JIS, ISO-2022-JP, …),
 * Windows-1252 when they look like none. Line ends become \n. `isLabelled`: the file says that it is UTF-8.
 * @throws RagError file/invalid for binary data
 */
export function decodeText(bytes: Uint8Array, isLabelled = false): string {
  return decode(bytes, isLabelled).replace(/\r\n?/g, "\n");
}

/** Whether a text begins with the mark that says it is UTF-8. */
export const hasUtf8Mark = (bytes: Uint8Array): boolean =>
  UTF8_MARK.every((byte, index) => bytes[index] === byte);

function decode(bytes: Uint8Array, isLabelled: boolean): string {
  // Its mark begins with that of UTF-16.
  const utf32 = utf32Of(bytes);
  if (utf32 !== undefined) return decodeUtf32(bytes, utf32);
  const utf16 = utf16Of(bytes);
  if (utf16 !== undefined) return decodeBytes(bytes, utf16);
  if (bytes.subarray(0, SNIFFED_BYTES).includes(0)) {
    throw new RagError("file/invalid", "is not text but binary data; check the file's type.");
  }
  if (isIso2022Jp(bytes)) return decodeBytes(bytes, "iso-2022-jp");
  const text = decodeBytes(bytes, "utf-8");
  // A text may hold the sign for broken bytes itself.
  if (hasUtf8Mark(bytes) || !text.includes(REPLACEMENT) || isValidAs(bytes, "utf-8")) return text;
  const maxBroken = isLabelled ? MAX_LABELLED_BROKEN_SHARE : MAX_BROKEN_SHARE;
  if (brokenShare(text) < maxBroken) return text;
  return decodeBytes(bytes, legacyEncoding(bytes));
}

/** Of the characters beyond ASCII, those that stand for broken bytes: 0 to 1. */
function brokenShare(text: string): number {
  let others = 0;
  let broken = 0;
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) others++;
    if (text[at] === REPLACEMENT) broken++;
  }
  return broken / Math.max(1, others);
}

/** By its mark, or by the zero bytes that Latin letters have in it. */
function utf16Of(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  const sample = bytes.subarray(0, Math.min(bytes.length, SNIFFED_BYTES) & ~1);
  const zeros = [0, 0];
  for (const [index, byte] of sample.entries()) if (byte === 0) zeros[index % 2]!++;
  if (sample.length < MIN_UNMARKED_BYTES) return undefined;
  const pairs = sample.length / 2;
  const [even, odd] = [zeros[0]! / pairs, zeros[1]! / pairs];
  const guess = odd > even ? "utf-16le" : "utf-16be";
  if (Math.max(odd, even) < UTF16_SHARE || Math.min(odd, even) > 0.01) return undefined;
  // Numbers in a binary file have zero bytes on one side as well.
  return isText(decodeBytes(sample, guess)) ? guess : undefined;
}

/** Whether it has letters, and no characters that text has not. */
function isText(text: string): boolean {
  for (const letter of text) {
    const code = letter.codePointAt(0)!;
    const isControl = code < 32 && !"\t\n\r\f\v".includes(letter);
    if (isControl || code >= 0xfff0 || (code >= 0xe000 && code < 0xf900)) return false;
  }
  return /\p{L}{2}/u.test(text);
}

function isIso2022Jp(bytes: Uint8Array): boolean {
  const sample = Buffer.from(bytes.subarray(0, SNIFFED_BYTES)).toString("latin1");
  const hasEscape = JAPANESE_ESCAPES.some((one) => sample.includes(one));
  return hasEscape && isValidAs(bytes, "iso-2022-jp");
}

function legacyEncoding(bytes: Uint8Array): string {
  const sample = bytes.subarray(0, SNIFFED_BYTES);
  if (isThai(decodeBytes(sample, "windows-874")) && !isKorean(sample)) return "windows-874";
  const guesses = analyse(sample).filter(({ confidence }) => confidence >= MIN_CONFIDENCE);
  const multibyte = guesses.find(({ name }) => MULTIBYTE.has(name) && isValidAs(bytes, name));
  const western = guesses.find(({ name }) => WESTERN.test(name))?.confidence ?? 0;
  const other = guesses.find(
    ({ name, confidence }) =>
      SINGLE_BYTE.test(name) && confidence >= Math.max(MIN_ALPHABET_CONFIDENCE, western + MIN_LEAD),
  );
  const [best] = [multibyte, other]
    .filter((guess) => guess !== undefined)
    .sort((a, b) => b.confidence - a.confidence);
  return best && isKnown(best.name) ? best.name : "windows-1252";
}

/** Whether it is made of Korean syllables alone: the bytes of a few can be Thai as well. */
const isKorean = (bytes: Uint8Array): boolean =>
  /^[\p{Script=Hangul}\p{ASCII}]*$/u.test(decodeBytes(bytes, "euc-kr"));

function isValidAs(bytes: Uint8Array, encoding: string): boolean {
  try {
    new TextDecoder(encoding, { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function isKnown(encoding: string): boolean {
  try {
    new TextDecoder(encoding);
    return true;
  } catch {
    return false;
  }
}
