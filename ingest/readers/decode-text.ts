import { RagError } from "../../core/index.ts";

const UTF8_MARK = [0xef, 0xbb, 0xbf];
/** Bytes looked at to tell text from binary data. */
const SNIFFED_BYTES = 8192;

/**
 * Text of a file: UTF-8, UTF-16 with a byte order mark, or else Windows-1252, which every byte sequence is. Line ends become \n.
 * @throws RagError file/invalid for binary data
 */
export function decodeText(bytes: Uint8Array): string {
  return decode(bytes).replace(/\r\n?/g, "\n");
}

function decode(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder("utf-16le").decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder("utf-16be").decode(bytes);
  if (bytes.subarray(0, SNIFFED_BYTES).includes(0)) {
    throw new RagError("file/invalid", "is not text but binary data; check the file's type.");
  }
  const hasMark = UTF8_MARK.every((byte, index) => bytes[index] === byte);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(hasMark ? bytes.subarray(3) : bytes);
  } catch {
    // Not UTF-8: an 8-bit encoding, of which this is the one most old files use.
    return new TextDecoder("windows-1252").decode(bytes);
  }
}
