import { DocumentBuilder } from "./document-builder.ts";
import { type CellStyle, cellStyles, formatNumber, usesEpoch1904 } from "./excel-numbers.ts";
import { type OfficeKind, OfficePackage } from "./office-package.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { tableRow } from "./table-text.ts";
import { walkXml } from "./xml.ts";

const WORKBOOK: OfficeKind = {
  called: "Excel workbook",
  root: "workbook",
  usualPath: "xl/workbook.xml",
};
/** Columns of a sheet. @see ECMA-376, part 1, section 18.3.1.13 */
const MAX_COLUMNS = 16_384;

interface Workbook {
  readonly strings: readonly string[];
  readonly styles: readonly CellStyle[];
  readonly isEpoch1904: boolean;
}

/** A workbook (.xlsx): a sheet is a heading and a table, a blank row ends a table. Formulas count by their last result. */
export function parseExcel(bytes: Uint8Array): ParsedDocument {
  const file = new OfficePackage(bytes, "xlsx");
  const main = file.main(WORKBOOK);
  const relationships = file.relationships(main.path);
  const partOf = (type: string) => file.related(main.path, type)?.bytes;
  const workbook: Workbook = {
    strings: sharedStrings(partOf("sharedStrings")),
    styles: cellStyles(partOf("styles")),
    isEpoch1904: usesEpoch1904(main.bytes),
  };
  const builder = new DocumentBuilder();
  walkXml(main.bytes, {
    open: (name, attributes) => {
      const target = relationships.get(attributes["r:id"] ?? "")?.target;
      const sheet = name === "sheet" && target ? file.part(target) : undefined;
      if (sheet) addSheet(sheet, unescaped(attributes["name"] ?? ""), { workbook, builder });
    },
  });
  return builder.finish(file.title());
}

/** Phonetic readings beside the text are left out. */
function sharedStrings(bytes: Uint8Array | undefined): string[] {
  const strings: string[] = [];
  if (!bytes) return strings;
  let text = "";
  let isInText = false;
  let isPhonetic = false;
  walkXml(bytes, {
    open: (name) => {
      if (name === "rPh") isPhonetic = true;
      isInText = name === "t" && !isPhonetic;
    },
    text: (part) => {
      if (isInText) text += part;
    },
    close: (name) => {
      isInText = false;
      if (name === "rPh") isPhonetic = false;
      if (name !== "si") return;
      strings.push(unescaped(text));
      text = "";
    },
  });
  return strings;
}

function addSheet(
  bytes: Uint8Array,
  name: string,
  { workbook, builder }: { readonly workbook: Workbook; readonly builder: DocumentBuilder },
): void {
  builder.add("heading", name, { level: 1 });
  let rows: string[] = [];
  let cells: string[] = [];
  let cell = { column: 0, type: "", style: 0, value: "" };
  let isInValue = false;
  const endTable = () => {
    builder.add("table", rows.join("\n"));
    rows = [];
  };
  let lastRow = 0;
  walkXml(bytes, {
    open: (element, attributes) => {
      if (element === "row") {
        const number = Number(attributes["r"] ?? lastRow + 1);
        if (number > lastRow + 1) endTable();
        lastRow = number;
      } else if (element === "c") {
        const column = columnOf(attributes["r"]) ?? cells.length;
        cell = {
          column,
          type: attributes["t"] ?? "n",
          style: Number(attributes["s"] ?? 0),
          value: "",
        };
      }
      isInValue = element === "v" || element === "t";
    },
    text: (part) => {
      if (isInValue) cell.value += part;
    },
    close: (element) => {
      isInValue = false;
      if (element === "c" && cell.value !== "" && cell.column < MAX_COLUMNS) {
        while (cells.length < cell.column) cells.push("");
        cells[cell.column] = cellText(cell, workbook);
      } else if (element === "row") {
        const line = tableRow(cells);
        cells = [];
        if (line === "") endTable();
        else rows.push(line);
      }
    },
  });
  endTable();
}

function cellText(
  { type, style, value }: { readonly type: string; readonly style: number; readonly value: string },
  { strings, styles, isEpoch1904 }: Workbook,
): string {
  if (type === "s") return strings[Number(value)] ?? "";
  if (type === "b") return value === "1" ? "TRUE" : "FALSE";
  if (type !== "n") return unescaped(value);
  return formatNumber(value, styles[style] ?? "number", isEpoch1904);
}

/**
 * Characters written as _xHHHH_ by their code: _x000D_ is a carriage return, _x005F_ an underscore. Control characters are left out.
 * @see ECMA-376, part 1, section 22.9.2.19 (ST_Xstring)
 */
function unescaped(text: string): string {
  if (!text.includes("_x")) return text;
  return text
    .replace(/_x([\da-f]{4})_/gi, (_, code) => String.fromCharCode(Number.parseInt(code, 16)))
    .replace(/(?![\t\n\r])\p{Cc}/gu, "")
    .replace(/\p{Surrogate}/gu, "\ufffd");
}

/** "BC12" → 54. */
function columnOf(reference: string | undefined): number | undefined {
  const letters = /^[A-Z]{1,3}/.exec(reference ?? "")?.[0];
  if (letters === undefined) return undefined;
  let column = 0;
  for (const letter of letters) column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}
