import { open } from "node:fs/promises";
import { RagError } from "../../core/index.ts";
import { parseCsv } from "./csv.ts";
import { decodeText, hasUtf8Mark } from "./decode-text.ts";
import { parseEmail } from "./email.ts";
import { parseEpub } from "./epub.ts";
import { parseExcel } from "./excel.ts";
import { requireReadableSize } from "./file-size.ts";
import type { Format } from "./formats.ts";
import { parseHtml } from "./html.ts";
import { parseJson } from "./json.ts";
import { parseMarkdown } from "./markdown.ts";
import { parseOpenDocument } from "./open-document.ts";
import { MAX_TEXT_CHARACTERS, type ParsedDocument } from "./parsed-document.ts";
import { parsePdf } from "./pdf/pdf.ts";
import { parsePlainText } from "./plain-text.ts";
import { parsePowerPoint } from "./powerpoint.ts";
import { parseRestructuredText } from "./restructured-text.ts";
import { parseRtf } from "./rtf.ts";
import { shortTitle } from "./short-title.ts";
import { checkSignature } from "./signature.ts";
import { parseSourceCode } from "./source-code.ts";
import { decodeBytes } from "./standard-text-decoder.ts";
import { parseSubtitles } from "./subtitles.ts";
import { parseWord } from "./word.ts";

type Reader = (bytes: Uint8Array) => ParsedDocument | Promise<ParsedDocument>;

const READERS: Readonly<Record<Format, Reader>> = {
  text: (bytes) => parsePlainText(decodeText(bytes)),
  markdown: (bytes) => parseMarkdown(decodeText(bytes)),
  rst: (bytes) => parseRestructuredText(decodeText(bytes)),
  html: (bytes) => parseHtml(decodeHtml(bytes)),
  pdf: parsePdf,
  docx: parseWord,
  pptx: parsePowerPoint,
  xlsx: parseExcel,
  odf: parseOpenDocument,
  epub: parseEpub,
  rtf: parseRtf,
  csv: (bytes) => parseCsv(decodeText(bytes)),
  json: (bytes) => parseJson(decodeText(bytes)),
  email: parseEmail,
  subtitles: (bytes) => parseSubtitles(decodeText(bytes)),
  code: (bytes) => parseSourceCode(decodeText(bytes)),
};

/**
 * Reads one file. Messages of its errors lack the file's name: the caller has it.
 * @throws RagError file/invalid, file/unsupported, file/too-large; system errors as they are
 */
export async function readDocument(path: string, format: Format): Promise<ParsedDocument> {
  const bytes = await readWhole(path);
  checkSignature(bytes, format);
  const parsed = await READERS[format](bytes);
  if (parsed.text.length > MAX_TEXT_CHARACTERS) {
    throw new RagError(
      "file/too-large",
      `holds more than ${MAX_TEXT_CHARACTERS} characters; split it.`,
    );
  }
  if (parsed.blocks.length === 0) throw new RagError("file/invalid", "holds no text.");
  // Offsets count what the store keeps: it would keep half a character as three.
  return {
    ...parsed,
    title: shortTitle(parsed.title.toWellFormed()),
    text: parsed.text.toWellFormed(),
  };
}

async function readWhole(path: string): Promise<Uint8Array> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    requireReadableSize(size);
    const bytes = await file.readFile();
    // A plain copy: some parsers refuse views of Node's shared pool.
    return new Uint8Array(bytes);
  } finally {
    await file.close();
  }
}

/** HTML may name its encoding, which a mark at its beginning overrules; without a name it is decoded as other text. @see HTML Standard, 13.2.3.2 */
function decodeHtml(bytes: Uint8Array): string {
  if (hasUtf8Mark(bytes)) return decodeText(bytes);
  const head = Buffer.from(bytes.subarray(0, 1024)).toString("latin1");
  const label = /<meta[^>]+charset\s*=\s*["']?\s*([\w-]+)/i.exec(head)?.[1]?.toLowerCase();
  if (label === undefined) return decodeText(bytes);
  if (/^utf-?(8|16)/.test(label)) return decodeText(bytes, true);
  try {
    return decodeBytes(bytes, label).replace(/\r\n?/g, "\n");
  } catch {
    // A label that no decoder knows counts as none.
    return decodeText(bytes);
  }
}
