const REPLACEMENT = "\ufffd";
/** Characters put together at a time. */
const PIECE_CHARACTERS = 8192;

/** Whether a text begins with the mark that says it is UTF-32, and in which order its bytes are. */
export function utf32Of(bytes: Uint8Array): "le" | "be" | undefined {
  if (bytes.length < 4) return undefined;
  const mark = viewOf(bytes).getUint32(0);
  if (mark === 0xfffe0000) return "le";
  return mark === 0x0000feff ? "be" : undefined;
}

/** UTF-32 as text, without its mark; what is no character, or half of one, becomes the sign for a broken one. @see The Unicode Standard, D99 */
export function decodeUtf32(bytes: Uint8Array, order: "le" | "be"): string {
  const view = viewOf(bytes);
  const end = bytes.length - (bytes.length % 4);
  let text = "";
  for (let start = 4; start < end; start += 4 * PIECE_CHARACTERS) {
    const codes: number[] = [];
    for (let at = start; at < Math.min(end, start + 4 * PIECE_CHARACTERS); at += 4) {
      const code = view.getUint32(at, order === "le");
      codes.push(code > 0x10ffff ? 0xfffd : code);
    }
    text += String.fromCodePoint(...codes);
  }
  return `${text}${end < bytes.length ? REPLACEMENT : ""}`.toWellFormed();
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array): DataView =>
  new DataView(buffer, byteOffset, byteLength);
