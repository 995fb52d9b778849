import { walkXml } from "./xml.ts";

/** How a number of a cell is to be read. */
export type CellStyle = "number" | "date" | "time" | "percent";

/** Built-in formats. @see ECMA-376, part 1, section 18.8.30 */
const BUILT_IN: Readonly<Record<number, CellStyle>> = {
  9: "percent",
  10: "percent",
  14: "date",
  15: "date",
  16: "date",
  17: "date",
  18: "time",
  19: "time",
  20: "time",
  21: "time",
  22: "date",
  45: "time",
  46: "time",
  47: "time",
};
const DAY_MS = 86_400_000;
/** The largest day Excel has, 31 December 9999. */
const MAX_DAY = 2_958_465;

/** Styles of a workbook by their number. */
export function cellStyles(bytes: Uint8Array | undefined): CellStyle[] {
  const styles: CellStyle[] = [];
  const custom = new Map<number, CellStyle>();
  let isInCells = false;
  if (!bytes) return styles;
  walkXml(bytes, {
    open: (name, { numFmtId = "0", formatCode = "" }) => {
      const format = Number(numFmtId);
      if (name === "numFmt") custom.set(format, styleOf(formatCode));
      if (name === "cellXfs") isInCells = true;
      if (name === "xf" && isInCells) {
        styles.push(custom.get(format) ?? BUILT_IN[format] ?? "number");
      }
    },
    close: (name) => {
      if (name === "cellXfs") isInCells = false;
    },
  });
  return styles;
}

/** Whether days are counted from 1904, as old Macintosh workbooks do. */
export function usesEpoch1904(workbook: Uint8Array): boolean {
  let found = false;
  walkXml(workbook, {
    open: (name, { date1904 }) => {
      if (name === "workbookPr") found = date1904 === "1" || date1904 === "true";
    },
  });
  return found;
}

/** A number as people see it: dates as 2024-03-01, times as 14:30, shares in percent, others as they are. */
export function formatNumber(value: string, style: CellStyle, isEpoch1904: boolean): string {
  const number = Number(value);
  if (!Number.isFinite(number) || style === "number") return rounded(value, number);
  if (style === "percent") return `${Number((number * 100).toPrecision(12))}%`;
  if (number < 0 || number > MAX_DAY) return value;
  const start = isEpoch1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, 30);
  const iso = new Date(start + Math.round((number * DAY_MS) / 1000) * 1000).toISOString();
  const time = iso.slice(11, iso.slice(17, 19) === "00" ? 16 : 19);
  if (style === "time" && number < 1) return time;
  return Number.isInteger(number) ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${time}`;
}

/** Files keep 17 digits, of which the last are noise. */
function rounded(value: string, number: number): string {
  return value.length > 15 && Number.isFinite(number)
    ? String(Number(number.toPrecision(15)))
    : value;
}

function styleOf(code: string): CellStyle {
  const bare = code.replace(/"[^"]*"|\\.|\[(?!h|m|s)[^\]]*\]|[_*]./gi, "").split(";")[0] ?? "";
  if (/[yd]/i.test(bare)) return "date";
  if (/[hs]/i.test(bare)) return "time";
  if (/m/i.test(bare)) return "date";
  return bare.includes("%") ? "percent" : "number";
}
