import mammoth from "mammoth";
import { DocumentBuilder } from "./document-builder.ts";
import { addHtmlFragment } from "./html.ts";
import { OfficePackage } from "./office-package.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { walkXml } from "./xml.ts";

/** mammoth's way from a foot- or endnote back to its place. */
const NOTE_LINK = /(?<! ) *<a href="#[\w-]*note-ref-[\w-]*">↑<\/a>/g;
const MAIN_PART = "word/document.xml";

/** A Word document (.docx): headings by their styles, lists and tables, headers and footers once; pictures are left out. */
export async function parseWord(bytes: Uint8Array): Promise<ParsedDocument> {
  const file = new OfficePackage(bytes, "docx");
  file.require(MAIN_PART, "Word document");
  const { value } = await mammoth.convertToHtml(
    { buffer: Buffer.from(bytes) },
    {
      styleMap: ["p[style-name='Title'] => h1:fresh", "p[style-name='Subtitle'] => h2:fresh"],
      convertImage: mammoth.images.imgElement(async () => ({ src: "" })),
      externalFileAccess: false,
    },
  );
  const builder = new DocumentBuilder();
  builder.add("paragraph", runningText(file, "header"));
  addHtmlFragment(value.replace(NOTE_LINK, ""), builder);
  builder.add("paragraph", runningText(file, "footer"));
  return builder.finish(file.title());
}

/** What stands at the top or foot of the pages, each text once; page numbers alone are no text. */
function runningText(file: OfficePackage, type: "header" | "footer"): string {
  const texts = new Set<string>();
  for (const relationship of file.relationships(MAIN_PART).values()) {
    const part = relationship.type === type ? file.part(relationship.target) : undefined;
    if (part) texts.add(paragraphs(part).join("\n"));
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
      if (name === "tab") line += " ";
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
