import type { DocumentBuilder } from "../document-builder.ts";
import type { PageText } from "./page-items.ts";
import { joinAcrossBreaks, type Paragraph, paragraphsOf } from "./paragraphs.ts";
import { readingOrder } from "./reading-order.ts";
import { type Row, rowsOf, rowText } from "./rows.ts";
import { withoutRunningLines } from "./running-lines.ts";

/** A line this much larger than the body is a heading. */
const HEADING_SCALE = 1.15;
const MAX_HEADING_CHARACTERS = 200;
const MAX_HEADING_LINES = 4;

type Part = Paragraph | { readonly table: string; readonly page: number };

/** Turns the text of pages, as they show it, into headings, paragraphs and tables with pages. */
export function addPdfBlocks(pages: readonly PageText[], builder: DocumentBuilder): void {
  const rows = withoutRunningLines(pages.map(({ items }) => rowsOf(items)));
  const body = bodySize(rows.flat());
  const parts = rows.flatMap((page, index) => [
    ...partsOf(page, index + 1),
    ...turnedText(pages[index]!, { page: index + 1, size: body }),
  ]);
  const joined = joinText(parts, body);
  const isHeading = headingTest(body);
  const sizes = joined.flatMap((part) => (!("table" in part) && isHeading(part) ? part.size : []));
  const levels = [...new Set(sizes)].sort((a, b) => b - a);
  for (const part of joined) {
    const { page } = part;
    if ("table" in part) builder.add("table", part.table, { page });
    else if (isHeading(part)) {
      const level = Math.min(levels.indexOf(part.size) + 1, 6);
      builder.add("heading", part.text.replaceAll("\n", " "), { page, level });
    } else builder.add("paragraph", part.text, { page });
  }
}

function partsOf(rows: readonly Row[], page: number): Part[] {
  return readingOrder(rows).flatMap((part): Part[] =>
    part.kind === "table"
      ? [{ table: part.lines.join("\n"), page }]
      : paragraphsOf(part.rows, page),
  );
}

/** What stands sideways comes last, as one paragraph. */
function turnedText(
  { turned }: PageText,
  place: { readonly page: number; readonly size: number },
): Paragraph[] {
  const text = turned.join(" ").replace(/\s+/g, " ").trim();
  return text === "" ? [] : [{ text, ...place, lineCount: 1 }];
}

/** Joins paragraphs that a break cut; a table between them keeps them apart. */
function joinText(parts: readonly Part[], body: number): Part[] {
  const joined: Part[] = [];
  let run: Paragraph[] = [];
  const flush = () => {
    joined.push(...joinAcrossBreaks(run, body));
    run = [];
  };
  for (const part of parts) {
    if (!("table" in part)) run.push(part);
    else {
      flush();
      joined.push(part);
    }
  }
  flush();
  return joined;
}

/** The size most characters have. */
function bodySize(rows: readonly Row[]): number {
  const characters = new Map<number, number>();
  for (const row of rows) {
    const size = Math.max(...row.segments.map((segment) => segment.size));
    characters.set(size, (characters.get(size) ?? 0) + rowText(row).length);
  }
  const [most] = [...characters].sort((a, b) => b[1] - a[1]);
  return most?.[0] ?? 0;
}

const headingTest =
  (body: number) =>
  ({ size, text, lineCount }: Paragraph): boolean =>
    size >= body * HEADING_SCALE &&
    text.length <= MAX_HEADING_CHARACTERS &&
    lineCount <= MAX_HEADING_LINES &&
    /\p{L}/u.test(text);
