import { zipSync } from "fflate";
import mammoth from "mammoth";
import { DocumentBuilder } from "./document-builder.ts";
import { addHtmlFragment } from "./html.ts";
import {
  type OfficeKind,
  OfficePackage,
  type OfficePart,
  relationshipsPath,
} from "./office-package.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { plainMarkup } from "./word-markup.ts";
import { walkXml } from "./xml.ts";

/** mammoth's way from a foot- or endnote back to its place. */
const NOTE_LINK = /(?<! ) *<a href="#[\w-]*note-ref-[\w-]*">↑<\/a>/g;
const DOCUMENT: OfficeKind = {
  called: "Word document",
  root: "document",
  usualPath: "word/document.xml",
};
/** Types of the parts beside the document that mammoth reads, where one without relationships has them: word/styles.xml, … */
const NOTES = ["footnotes", "endnotes"];
const BESIDE = ["styles", "numbering", ...NOTES];

/** A Word document (.docx): headings by their styles, lists and tables, headers and footers once; pictures are left out. */
export async function parseWord(bytes: Uint8Array): Promise<ParsedDocument> {
  const file = new OfficePackage(bytes, "docx");
  const main = file.main(DOCUMENT);
  const { value } = await mammoth.convertToHtml(
    { buffer: packageForMammoth(file, main) },
    {
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh"],
      convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
      externalFileAccess: false,
    },
  );
  const builder = new DocumentBuilder();
  builder.add("paragraph", runningText(file, main.path, "header"));
  addHtmlFragment(value.replace(NOTE_LINK, ""), builder);
  builder.add("paragraph", runningText(file, main.path, "footer"));
  return builder.finish(file.title());
}

/** mammoth finds parts by the names that Word gives them, and drops what stands in elements that it does not know. */
function packageForMammoth(file: OfficePackage, main: OfficePart): Buffer {
  const parts: Record<string, Uint8Array> = { [DOCUMENT.usualPath]: plainMarkup(main.bytes) };
  const addRelationships = (from: string, name: string) => {
    const part = file.part(relationshipsPath(from));
    if (part) parts[`word/_rels/${name}.xml.rels`] = part;
  };
  addRelationships(main.path, "document");
  for (const type of BESIDE) {
    const part = file.related(main.path, type);
    if (!part) continue;
    parts[`word/${type}.xml`] = NOTES.includes(type) ? plainMarkup(part.bytes) : part.bytes;
    addRelationships(part.path, type);
  }
  return Buffer.from(zipSync(parts, { level: 0 }));
}

/** What stands at the top or foot of the pages, each text once; page numbers alone are no text. */
function runningText(file: OfficePackage, path: string, type: "header" | "footer"): string {
  const texts = new Set<string>();
  for (const relationship of file.relationships(path).values()) {
    const part = relationship.type === type ? file.part(relationship.target) : undefined;
    if (part) texts.add(paragraphs(plainMarkup(part)).join("\n"));
  }
  return [...texts].filter((text) => /\p{L}{2}/u.test(text)).join("\n");
}

function paragraphs(part: Uint8Array): string[] {
  const found: string[] = [];
  let line = "";
  let isInText = false;
  walkXml(part, {
    open: (name) => {
      isInText = name === "t";
      if (name === "tab" || name === "br") line += " ";
    },
    text: (text) => {
      if (isInText) line += text;
    },
    close: (name) => {
      isInText = false;
      if (name !== "p") return;
      if (line.trim() !== "") found.push(line.trim());
      line = "";
    },
  });
  return found;
}
