import { RagError } from "../../core/index.ts";
import type { Format } from "./formats.ts";

/** First bytes that tell what a file holds, whatever its name says. */
const SIGNATURES: readonly (readonly [name: string, prefix: string])[] = [
  ["a PDF", "%PDF-"],
  ["a zip archive (as .docx and .epub are)", "PK\u0003\u0004"],
  ["an old Office file", "\u00d0\u00cf\u0011\u00e0"],
  ["an RTF document", "{\\rtf"],
  ["a PNG picture", "\u0089PNG"],
  ["a JPEG picture", "\u00ff\u00d8\u00ff"],
  ["a GIF picture", "GIF8"],
  ["a gzip archive", "\u001f\u008b"],
];
const EXPECTED: Readonly<Partial<Record<Format, string>>> = {
  pdf: "a PDF",
  docx: "a zip archive (as .docx and .epub are)",
  epub: "a zip archive (as .docx and .epub are)",
};
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
  // The reader of Word documents names this case better.
  if (format === "docx" && found === "an old Office file") return;
  if (found === undefined && expected === undefined) return;
  throw new RagError(
    "file/invalid",
    `is ${found ?? "something else"} although its name says ${format}; check the file, or give it the right extension.`,
  );
}
