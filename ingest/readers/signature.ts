import { RagError } from "../../core/index.ts";
import type { Format } from "./formats.ts";

const ZIP = "a zip archive (as .docx, .xlsx, .odt and .epub are)";
const OLD_OFFICE = "an old Office file";
/** First bytes that tell what a file holds, whatever its name says. */
const SIGNATURES: readonly (readonly [name: string, prefix: string])[] = [
  ["a PDF", "%PDF-"],
  [ZIP, "PK\u0003\u0004"],
  [OLD_OFFICE, "\u00d0\u00cf\u0011\u00e0"],
  ["an RTF document", "{\\rtf"],
  ["a PNG picture", "\u0089PNG"],
  ["a JPEG picture", "\u00ff\u00d8\u00ff"],
  ["a GIF picture", "GIF8"],
  ["a gzip archive", "\u001f\u008b"],
  ["a program", "\u007fELF"],
  ["a program", "MZ\u0090\u0000"],
  ["an SQLite database", "SQLite format 3\u0000"],
  ["a 7-Zip archive", "7z\u00bc\u00af"],
  ["a RAR archive", "Rar!"],
];
const EXPECTED: Readonly<Partial<Record<Format, string>>> = {
  pdf: "a PDF",
  docx: ZIP,
  pptx: ZIP,
  xlsx: ZIP,
  odf: ZIP,
  epub: ZIP,
  rtf: "an RTF document",
};
/** Formats whose reader names an old or encrypted Office file better. */
const OFFICE: readonly Format[] = ["docx", "pptx", "xlsx"];
/** A PDF may begin with a few bytes of something else. @see ISO 32000-1, annex H, note 13 */
const PDF_HEADER_WITHIN = 1024;

/** @throws RagError file/invalid when the bytes are empty or plainly of another type than the name says */
export function checkSignature(bytes: Uint8Array, format: Format): void {
  if (bytes.length === 0) throw new RagError("file/invalid", "is empty.");
  const head = Buffer.from(bytes.subarray(0, PDF_HEADER_WITHIN)).toString("latin1");
  const found = SIGNATURES.find(([, prefix]) => head.startsWith(prefix))?.[0];
  const expected = EXPECTED[format];
  if (expected === found) return;
  if (format === "pdf" && head.includes("%PDF-")) return;
  if (found === OLD_OFFICE && OFFICE.includes(format)) return;
  throw new RagError(
    "file/invalid",
    `is ${found ?? "something else"} although its name says ${format}; check the file, or give it the right extension.`,
  );
}
