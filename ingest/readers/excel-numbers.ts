import { walkXml } from "./xml.ts";

/** How a number of a cell is to be read; hours, minutes and seconds are how long something took. */
export type CellStyle = "number" | "date" | "time" | "percent" | Duration;
type Duration = "hours" | "minutes" | "seconds";

/** Built-in formats, those of East Asian languages included. @see ECMA-376, part 1, section 18.8.30 */
const BUILT_IN: Readonly<Record<number, CellStyle>> = {
  ...Object.fromEntries(
    [27, 28, 29, 30, 31, 36, 50, 51, 52, 53, 54, 57, 58].map((format) => [format, "date"] as const),
  ),
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
  46: "hours",
  47: "time",
};
/** What a format in brackets counts, by its letter. */
const DURATIONS: Readonly<Record<string, Duration>> = { h: "hours", m: "minutes", s: "seconds" };
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

/** A number as people see it: dates as 2024-03-01, times as 14:30, durations as 37:30, shares in percent, others as they are. */
export function formatNumber(value: string, style: CellStyle, isEpoch1904: boolean): string {
  const number = Number(value);
  if (!Number.isFinite(number) || style === "number") return rounded(value, number);
  if (style === "percent") return `${Number((number * 100).toPrecision(12))}%`;
  if (number < 0 || number > MAX_DAY) return value;
  if (style !== "date" && style !== "time") return duration(number, style);
  const start = isEpoch1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, 30);
  const iso = new Date(start + Math.round((number * DAY_MS) / 1000) * 1000).toISOString();
  const time = iso.slice(11, iso.slice(17, 19) === "00" ? 16 : 19);
  if (style === "time" && number < 1) return time;
  return Number.isInteger(number) ? iso.slice(0, 10) : `${iso.slice(0, 10)} ${time}`;
}

/** Of days: 37:30 or 37:30:15 where hours are counted, 90:00 where minutes are, else the seconds. */
function duration(days: number, counted: Duration): string {
  const seconds = Math.round((days * DAY_MS) / 1000);
  const two = (part: number) => String(part).padStart(2, "0");
  if (counted === "seconds") return String(seconds);
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  if (counted === "minutes") return `${two(minutes)}:${rest}`;
  const hours = `${Math.floor(minutes / 60)}:${two(minutes % 60)}`;
  return rest === "00" ? hours : `${hours}:${rest}`;
}

/** Files keep 17 digits, of which the last are noise. */
function rounded(value: string, number: number): string {
  return value.length > 15 && Number.isFinite(number)
    ? String(Number(number.toPrecision(15)))
    : value;
}

function styleOf(code: string): CellStyle {
  const shown = code.replace(/"[^"]*"|\\.|\[(?!(?:h+|m+|s+)\])[^\][]*\]|[_*]./gi, "");
  const bare = shown.split(";")[0] ?? "";
  const counted = /\[(h|m|s)/i.exec(bare)?.[1]?.toLowerCase();
  if (counted !== undefined) return DURATIONS[counted]!;
  if (/[yd]/i.test(bare)) return "date";
  if (/[hs]/i.test(bare)) return "time";
  if (/m/i.test(bare)) return "date";
  return bare.includes("%") ? "percent" : "number";
}
