import { z } from "zod";

/** The bytes of a token, by its string in the vocabulary. */
export type TokenBytes = (token: string) => readonly number[];

/** Of "ByteLevel" and of a sequence of decoders. */
const decoderSchema = z.looseObject({
  type: z.string(),
  decoders: z.array(z.unknown()).default([]),
});
/** A token of a single byte, where the vocabulary has no character for it. */
const BYTE_FALLBACK = /^<0x([0-9A-F]{2})>$/;

/**
 * How tokens are bytes, by the `decoder` of a `tokenizer.json`. Byte-level vocabularies have a character for every byte, so a token need
 * not be whole characters of text.
 * @see Radford et al., GPT-2, encoder.py (bytes_to_unicode)
 */
export function tokenBytesFor(decoder: unknown): TokenBytes {
  if (!isByteLevel(decoder)) return utf8OrByte;
  return (token) => {
    const bytes = Array.from(token, (character) => BYTE_OF_CHARACTER.get(character));
    return bytes.every((byte) => byte !== undefined) ? bytes : utf8Of(token);
  };
}

function isByteLevel(decoder: unknown): boolean {
  const { data } = decoderSchema.safeParse(decoder);
  return data !== undefined && (data.type === "ByteLevel" || data.decoders.some(isByteLevel));
}

function utf8OrByte(token: string): readonly number[] {
  const byte = BYTE_FALLBACK.exec(token)?.[1];
  return byte === undefined ? utf8Of(token) : [Number.parseInt(byte, 16)];
}

export const utf8Of = (text: string): readonly number[] => [...Buffer.from(text)];

/** Printable bytes of Latin-1 are their own characters; the others have those from U+0100 on, in order. */
const BYTE_OF_CHARACTER: ReadonlyMap<string, number> = byteLevelAlphabet();

function byteLevelAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const isPrintable = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
    alphabet.set(String.fromCodePoint(isPrintable ? byte : next++), byte);
  }
  return alphabet;
}
