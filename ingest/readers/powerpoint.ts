import { DocumentBuilder } from "./document-builder.ts";
import { type OfficeKind, OfficePackage } from "./office-package.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { addSlide, type SlideBlock } from "./slide.ts";
import { tableRow } from "./table-text.ts";
import { walkXml, type XmlAttributes, type XmlHandlers } from "./xml.ts";

const PRESENTATION: OfficeKind = {
  called: "PowerPoint presentation",
  root: "presentation",
  usualPath: "ppt/presentation.xml",
};
const TITLES = new Set(["title", "ctrTitle"]);
/** Placeholders that stand on every slide alike. */
const REPEATED = new Set(["sldNum", "dt", "ftr", "hdr", "sldImg"]);

/** A presentation (.pptx): a slide is a page, its title a heading wherever it stands; tables, diagrams and speaker notes are kept. */
export function parsePowerPoint(bytes: Uint8Array): ParsedDocument {
  const file = new OfficePackage(bytes, "pptx");
  const builder = new DocumentBuilder();
  const readDiagrams = new Set<string>();
  for (const [index, path] of slidePaths(file).entries()) {
    const slide = file.part(path);
    if (!slide) continue;
    const relationships = file.relationships(path);
    // A part that several slides lead to would be read once for each of them.
    const diagram = (id: string): string => {
      const target = relationships.get(id)?.target ?? "";
      if (readDiagrams.has(target)) return "";
      readDiagrams.add(target);
      return diagramText(file.part(target));
    };
    const shapes = shapesOf(slide, diagram);
    const notes = file.related(path, "notesSlide");
    // Only a slide has a title.
    const noted = (notes ? shapesOf(notes.bytes, diagram) : []).map((shape) =>
      shape.isTitle ? paragraphOf(shape.text) : shape,
    );
    addSlide(builder, [...shapes, ...noted], { page: index + 1 });
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

const paragraphOf = (text: string): SlideBlock => ({ kind: "paragraph", text, isTitle: false });

/** `diagram`: text of the diagram with that relationship's id. */
function shapesOf(slide: Uint8Array, diagram: (id: string) => string): SlideBlock[] {
  const walk = new SlideWalk(diagram);
  walkXml(slide, walk);
  return walk.shapes;
}

/** Texts of a diagram (SmartArt), a line each. @see ECMA-376, part 1, section 21.4.2 (DrawingML diagrams) */
function diagramText(data: Uint8Array | undefined): string {
  if (!data) return "";
  const walk = new SlideWalk(() => "");
  walkXml(data, walk);
  return walk.lines.join("\n");
}

/** Collects the shapes of a slide in the order they are drawn. @see ECMA-376, part 1, sections 19.3 (PresentationML) and 21.1 (DrawingML text and tables) */
class SlideWalk implements XmlHandlers {
  /** None is empty. */
  readonly shapes: SlideBlock[] = [];
  /** Of the shape or cell under way. */
  lines: string[] = [];
  readonly #diagram: (id: string) => string;
  #placeholder = "";
  #line = "";
  #cells: string[] = [];
  #rows: string[] = [];
  #isInTable = false;
  #isInText = false;
  /** Depth inside the second copy of what newer programs draw differently. */
  #fallbackDepth = 0;

  constructor(diagram: (id: string) => string) {
    this.#diagram = diagram;
  }

  readonly open = (name: string, { type, "r:dm": diagramId }: XmlAttributes): void => {
    if (name === "Fallback" || this.#fallbackDepth > 0) this.#fallbackDepth++;
    if (this.#fallbackDepth > 0) return;
    if (name === "sp") this.#placeholder = "";
    else if (name === "ph") this.#placeholder = type ?? "body";
    else if (name === "tbl") this.#isInTable = true;
    else if (name === "br") this.#line += this.#isInTable ? " " : "\n";
    else if (name === "relIds") this.#add(paragraphOf(this.#diagram(diagramId ?? "")));
    this.#isInText = name === "t";
  };

  readonly text = (text: string): void => {
    if (this.#isInText) this.#line += text;
  };

  readonly close = (name: string): void => {
    this.#isInText = false;
    if (this.#fallbackDepth > 0) this.#fallbackDepth--;
    else if (name === "p") this.#endLine();
    else if (name === "tc") this.#cells.push(this.lines.splice(0).join(" "));
    else if (name === "tr") this.#rows.push(tableRow(this.#cells.splice(0)));
    else if (name === "tbl") {
      this.#add({ kind: "table", text: this.#rows.splice(0).join("\n"), isTitle: false });
      this.#isInTable = false;
    } else if (name === "sp") this.#endShape();
  };

  #endLine(): void {
    if (this.#line.trim() !== "") this.lines.push(this.#line.trim());
    this.#line = "";
  }

  #endShape(): void {
    const text = this.lines.splice(0).join("\n");
    if (TITLES.has(this.#placeholder)) {
      this.#add({ kind: "heading", text: text.replaceAll("\n", " "), level: 1, isTitle: true });
    } else if (!REPEATED.has(this.#placeholder)) this.#add(paragraphOf(text));
  }

  #add(shape: SlideBlock): void {
    if (shape.text.trim() !== "") this.shapes.push(shape);
  }
}
