import { decodeBytes } from "./standard-text-decoder.ts";

/** Encodings by Windows code page. @see RTF 1.9.1, "\ansicpg" */
const CODE_PAGES: Readonly<Record<number, string>> = {
  437: "ibm437",
  850: "ibm850",
  866: "ibm866",
  874: "windows-874",
  932: "shift_jis",
  936: "gbk",
  949: "euc-kr",
  950: "big5",
  10000: "macintosh",
  65001: "utf-8",
};
/** Encodings by a font's character set. @see RTF 1.9.1, "\fcharset" */
const CHARACTER_SETS: Readonly<Record<number, string>> = {
  77: "macintosh",
  128: "shift_jis",
  129: "euc-kr",
  134: "gbk",
  136: "big5",
  161: "windows-1253",
  162: "windows-1254",
  163: "windows-1258",
  177: "windows-1255",
  178: "windows-1256",
  186: "windows-1257",
  204: "windows-1251",
  222: "windows-874",
  238: "windows-1250",
};

/** The encoding of a code page; Windows-1252 for one that is not known. */
export function codePageEncoding(codePage: number): string {
  if (codePage >= 1250 && codePage <= 1258) return `windows-${codePage}`;
  return CODE_PAGES[codePage] ?? "windows-1252";
}

/** The encoding of a character set; undefined for those that mean the document's. */
export function characterSetEncoding(characterSet: number): string | undefined {
  return CHARACTER_SETS[characterSet];
}

/** What the bytes from 0x80 on mean in code pages of DOS that TextDecoder does not know. @see Unicode, VENDORS/MICSFT/PC/CP437.TXT, CP850.TXT */
const DOS_CHARACTERS: ReadonlyMap<string, string> = new Map([
  [
    "ibm437",
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0",
  ],
  [
    "ibm850",
    "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u00ad±‗¾¶§÷¸°¨·¹³²■\u00a0",
  ],
]);

/** Bytes of one of these encodings as text. */
export function decodeCodePage(bytes: Uint8Array, encoding: string): string {
  const characters = DOS_CHARACTERS.get(encoding);
  if (characters === undefined) return decodeBytes(bytes, encoding);
  return Array.from(bytes, (byte) =>
    byte < 0x80 ? String.fromCharCode(byte) : characters[byte - 0x80],
  ).join("");
}
