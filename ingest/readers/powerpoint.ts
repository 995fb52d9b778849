import { DocumentBuilder } from "./document-builder.ts";
import { type OfficeKind, OfficePackage } from "./office-package.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { tableRow } from "./table-text.ts";
import { walkXml, type XmlHandlers } from "./xml.ts";

const PRESENTATION: OfficeKind = {
  called: "PowerPoint presentation",
  root: "presentation",
  usualPath: "ppt/presentation.xml",
};
const TITLES = new Set(["title", "ctrTitle"]);
/** Placeholders that stand on every slide alike. */
const REPEATED = new Set(["sldNum", "dt", "ftr", "hdr", "sldImg"]);

/** A presentation (.pptx): a slide is a page, its title a heading; tables and speaker notes are kept. */
export function parsePowerPoint(bytes: Uint8Array): ParsedDocument {
  const file = new OfficePackage(bytes, "pptx");
  const builder = new DocumentBuilder();
  for (const [index, path] of slidePaths(file).entries()) {
    const slide = file.part(path);
    if (!slide) continue;
    walkXml(slide, slideHandlers(builder, index + 1));
    for (const { type, target } of file.relationships(path).values()) {
      const notes = type === "notesSlide" ? file.part(target) : undefined;
      if (notes) walkXml(notes, slideHandlers(builder, index + 1));
    }
  }
  return builder.finish(file.title());
}

function slidePaths(file: OfficePackage): string[] {
  const main = file.main(PRESENTATION);
  const relationships = file.relationships(main.path);
  const paths: string[] = [];
  walkXml(main.bytes, {
    open: (name, attributes) => {
      const target = relationships.get(attributes["r:id"] ?? "")?.target;
      if (name === "sldId" && target) paths.push(target);
    },
  });
  return paths;
}

/** What is being collected of one slide. */
class SlideWalk {
  placeholder = "";
  lines: string[] = [];
  line = "";
  cells: string[] = [];
  rows: string[] = [];
  isInTable = false;
  isInText = false;
  /** Depth inside the second copy of what newer programs draw differently. */
  fallbackDepth = 0;
}

/** @see ECMA-376, part 1, sections 19.3 (PresentationML) and 21.1 (DrawingML text and tables) */
function slideHandlers(builder: DocumentBuilder, page: number): XmlHandlers {
  const walk = new SlideWalk();
  return {
    open: (name, { type }) => {
      if (name === "Fallback" || walk.fallbackDepth > 0) walk.fallbackDepth++;
      if (name === "sp") walk.placeholder = "";
      if (name === "ph") walk.placeholder = type ?? "body";
      if (name === "tbl") walk.isInTable = true;
      if (name === "br") walk.line += walk.isInTable ? " " : "\n";
      walk.isInText = name === "t" && walk.fallbackDepth === 0;
    },
    text: (text) => {
      if (walk.isInText) walk.line += text;
    },
    close: (name) => {
      walk.isInText = false;
      if (walk.fallbackDepth > 0) walk.fallbackDepth--;
      else closeElement(name, walk, { builder, page });
    },
  };
}

function closeElement(
  name: string,
  walk: SlideWalk,
  { builder, page }: { readonly builder: DocumentBuilder; readonly page: number },
): void {
  if (name === "p") {
    if (walk.line.trim() !== "") walk.lines.push(walk.line.trim());
    walk.line = "";
  } else if (name === "tc") {
    walk.cells.push(walk.lines.splice(0).join(" "));
  } else if (name === "tr") {
    walk.rows.push(tableRow(walk.cells.splice(0)));
  } else if (name === "tbl") {
    builder.add("table", walk.rows.splice(0).join("\n"), { page });
    walk.isInTable = false;
  } else if (name === "sp") {
    const text = walk.lines.splice(0).join("\n");
    if (TITLES.has(walk.placeholder)) {
      builder.add("heading", text.replaceAll("\n", " "), { page, level: 1 });
    } else if (!REPEATED.has(walk.placeholder)) builder.add("paragraph", text, { page });
  }
}
