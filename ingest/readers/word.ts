import mammoth from "mammoth";
import { RagError } from "../../core/index.ts";
import { parseHtmlFragment } from "./html.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { checkZip } from "./zip.ts";

/** First bytes of the old binary Office format, which also wraps encrypted new files. */
const COMPOUND_FILE = [0xd0, 0xcf, 0x11, 0xe0];

/** A Word document (.docx): headings by their styles, lists and tables; pictures are left out. */
export async function parseWord(bytes: Uint8Array): Promise<ParsedDocument> {
  if (COMPOUND_FILE.every((byte, index) => bytes[index] === byte)) {
    throw new RagError(
      "file/unsupported",
      "is encrypted or in the old .doc format; remove the password and save it as .docx.",
    );
  }
  checkZip(bytes);
  const { value } = await mammoth.convertToHtml(
    { buffer: Buffer.from(bytes) },
    {
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh"],
      convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
      externalFileAccess: false,
    },
  );
  return parseHtmlFragment(value);
}
