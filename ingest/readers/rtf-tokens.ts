/** A piece of an RTF file. Bytes are those of text in the encoding that holds there. */
export type RtfToken =
  | { readonly kind: "open" }
  | { readonly kind: "close" }
  | { readonly kind: "control"; readonly word: string; readonly value: number | undefined }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array };

const OPEN = 0x7b;
const CLOSE = 0x7d;
const BACKSLASH = 0x5c;
const CONTROL = /([a-zA-Z]{1,32})(-?\d{1,10})? ?/y;
/** After a backslash it means \par, which is how macOS ends every paragraph. */
const LINE_END = /\r\n?|\n/y;

/** Cuts an RTF file into its pieces. @see RTF 1.9.1, "Conventions of an RTF Reader" */
export function* rtfTokens(file: Uint8Array): Generator<RtfToken> {
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString("latin1");
  let at = 0;
  let plain = 0;
  const bytesBefore = (): RtfToken[] => {
    const part = text.slice(plain, at).replace(/[\r\n]/g, "");
    return part === "" ? [] : [{ kind: "bytes", bytes: Buffer.from(part, "latin1") }];
  };
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code !== OPEN && code !== CLOSE && code !== BACKSLASH) {
      at++;
      continue;
    }
    yield* bytesBefore();
    if (code === BACKSLASH) {
      const { token, end } = controlAt(text, at + 1);
      yield token;
      at = end;
      if (token.kind === "control" && token.word === "bin") at += Math.max(0, token.value ?? 0);
    } else {
      yield code === OPEN ? { kind: "open" } : { kind: "close" };
      at++;
    }
    plain = at;
  }
  yield* bytesBefore();
}

function controlAt(text: string, at: number): { token: RtfToken; end: number } {
  CONTROL.lastIndex = at;
  const match = CONTROL.exec(text);
  if (match) {
    const value = match[2] === undefined ? undefined : Number(match[2]);
    return { token: { kind: "control", word: match[1]!, value }, end: CONTROL.lastIndex };
  }
  LINE_END.lastIndex = at;
  if (LINE_END.test(text)) {
    return { token: { kind: "control", word: "par", value: undefined }, end: LINE_END.lastIndex };
  }
  const symbol = text[at] ?? "";
  const hex = symbol === "'" ? Number.parseInt(text.slice(at + 1, at + 3), 16) : Number.NaN;
  if (Number.isInteger(hex)) {
    return { token: { kind: "bytes", bytes: Uint8Array.of(hex) }, end: at + 3 };
  }
  return { token: { kind: "control", word: symbol, value: undefined }, end: at + 1 };
}
