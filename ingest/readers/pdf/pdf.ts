import { fileURLToPath } from "node:url";
import { getDocumentProxy, getMeta } from "unpdf";
import { errorMessage, RagError } from "../../../core/index.ts";
import { DocumentBuilder } from "../document-builder.ts";
import type { ParsedDocument } from "../parsed-document.ts";
import { addPdfBlocks } from "./layout.ts";
import { type PageText, type PdfDocument, readPage } from "./page-items.ts";

const MAX_PAGES = 5000;

/**
 * A PDF with its pages: text in reading order (columns one after the other, tables row by row), headings by size, running heads left out.
 * @throws RagError file/invalid, file/unsupported (encrypted, or pictures of text only), file/too-large
 */
export async function parsePdf(bytes: Uint8Array): Promise<ParsedDocument> {
  const pdf = await open(bytes);
  if (pdf.numPages > MAX_PAGES) {
    throw new RagError(
      "file/too-large",
      `has ${pdf.numPages} pages, more than ${MAX_PAGES}; split it.`,
    );
  }
  const pages: PageText[] = [];
  for (let number = 1; number <= pdf.numPages; number++) pages.push(await readPage(pdf, number));
  if (pages.every(({ items, turned }) => items.length + turned.length === 0)) {
    throw new RagError(
      "file/unsupported",
      `has ${pdf.numPages} pages but no text layer (scanned?); run text recognition (OCR) on it first.`,
    );
  }
  const builder = new DocumentBuilder();
  addPdfBlocks(pages, builder);
  return builder.finish(await titleOf(pdf));
}

async function open(bytes: Uint8Array): Promise<PdfDocument> {
  try {
    return await getDocumentProxy(bytes, {
      verbosity: 0,
      cMapUrl: characterMaps(),
      cMapPacked: true,
    });
  } catch (cause) {
    if (cause instanceof Error && cause.name === "PasswordException") {
      throw new RagError("file/unsupported", "is encrypted; remove its password first.", { cause });
    }
    throw new RagError("file/invalid", `is no readable PDF (${errorMessage(cause)}).`, { cause });
  }
}

/**
 * The folder of pdf.js's character maps, which unpdf lacks: Chinese, Japanese and Korean fonts that stand in no file name one, such as
 * 90ms-RKSJ-H. pdf.js itself reads the names that it knows only.
 */
const characterMaps = (): string =>
  fileURLToPath(new URL("./cmaps/", import.meta.resolve("pdfjs-dist/package.json")));

/** The title of the file's information, unless a program put a file name there. */
async function titleOf(pdf: PdfDocument): Promise<string> {
  const { info } = await getMeta(pdf);
  const title = typeof info?.["Title"] === "string" ? info["Title"].trim() : "";
  return /\.(docx?|indd|tex|pdf|pptx?|xlsx?)$/i.test(title) || /^untitled/i.test(title)
    ? ""
    : title;
}
