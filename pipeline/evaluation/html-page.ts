/** Of every report. */
const STYLE = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
table{border-collapse:collapse;margin:1rem 0;width:100%}th,td{padding:.3rem .6rem;border-bottom:1px solid #ccc;text-align:left;vertical-align:top}
td.right{background:#e2f3e4}td.part{background:#fdf6dd}caption{text-align:left;font-weight:600}
@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,td{border-color:#444}td.right{background:#1d3a22}td.part{background:#3d3616}}`;

/** A report as one page that needs nothing else. `title`: text; `style`: CSS beside that of every report; `body`: HTML. */
export const htmlPage = (page: {
  readonly title: string;
  readonly style: string;
  readonly body: string;
}): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escaped(page.title)}</title><style>${STYLE}
${page.style}</style></head><body>
<h1>${escaped(page.title)}</h1>
${page.body}
</body></html>
`;

/** A table. `head`, `caption`: text; `rows`: cells as HTML. */
export function htmlTable(table: {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly caption?: string;
}): string {
  const caption = table.caption === undefined ? "" : `<caption>${escaped(table.caption)}</caption>`;
  const head = table.head.map((text) => `<th>${escaped(text)}</th>`).join("");
  const body = table.rows.map((cells) => `<tr>${cells.join("")}</tr>`).join("\n");
  return `<table>${caption}<thead><tr>${head}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}

/** A cell with text as it is. */
export const textCell = (text: string): string => `<td>${escaped(text)}</td>`;

/** An answer, marked when it is right or partly so. Scores are 0 to 100. */
export function answerCell(
  text: string,
  { em, f1 }: { readonly em: number; readonly f1: number },
): string {
  const mark = em > 0 ? ' class="right"' : f1 >= 50 ? ' class="part"' : "";
  return `<td${mark}>${escaped(text)}</td>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text inside HTML or SVG. */
export const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
