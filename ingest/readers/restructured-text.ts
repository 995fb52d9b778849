import { isBlank, type Line, splitLines } from "./lines.ts";
import type { Block, ParsedDocument } from "./parsed-document.ts";

const ADORNMENT = /^([!-/:-@[-`{-~])\1{2,}\s*$/;

/** Directives whose text is code. */
const CODE = /^\s*\.\. (?:code-block|code|sourcecode|parsed-literal)::/;
/** These, and targets of links and pictures: lines that are not read. */
const UNREAD =
  /^\s*\.\. (?:(?:code-block|code|sourcecode|parsed-literal|image|contents|toctree|currentmodule|module|index)::|_[^:]+:|\|[^|]+\|)/;

/**
 * reStructuredText keeps its text, so offsets are the file's. Which punctuation marks which heading level is told by the order in
 * which they appear.
 * @see reStructuredText Markup Specification, "Sections"
 */
export function parseRestructuredText(text: string): ParsedDocument {
  const lines = splitLines(text);
  const styles: string[] = [];
  const blocks: Block[] = [];
  let first: number | undefined;
  const finish = (end: number) => {
    if (first !== undefined) {
      blocks.push({ kind: "paragraph", start: lines[first]!.start, end: lines[end - 1]!.end });
    }
    first = undefined;
  };
  for (let index = 0; index < lines.length; index++) {
    const heading = headingAt(lines, index);
    if (heading && first === undefined) {
      if (!styles.includes(heading.style)) styles.push(heading.style);
      const level = Math.min(styles.indexOf(heading.style) + 1, 6);
      blocks.push({ kind: "heading", start: heading.line.start, end: heading.line.end, level });
      index += heading.lineCount - 1;
    } else if (isBlank(lines[index])) {
      const isLiteral = first !== undefined && /::\s*$/.test(lines[index - 1]!.text);
      finish(index);
      const code = isLiteral ? indentedAfter(lines, index - 1) : undefined;
      if (code) blocks.push(codeBlock(lines, code));
      index = code?.last ?? index;
    } else if (first === undefined && UNREAD.test(lines[index]!.text)) {
      const isCode = CODE.test(lines[index]!.text);
      const code = isCode ? indentedAfter(lines, index) : undefined;
      if (code) blocks.push(codeBlock(lines, code));
      index = code?.last ?? index;
    } else {
      first ??= index;
    }
  }
  finish(lines.length);
  const top = blocks.find(({ level }) => level === 1);
  return { title: top ? text.slice(top.start, top.end).trim() : "", text, blocks };
}

interface Indented {
  readonly first: number;
  readonly last: number;
}

const indentOf = ({ text }: Line): number => /^\s*/.exec(text)![0].length;

/** The lines below one that are set in further, options of a directive left out. */
function indentedAfter(lines: readonly Line[], index: number): Indented | undefined {
  const indent = indentOf(lines[index]!);
  let [first, last] = [-1, -1];
  for (let at = index + 1; at < lines.length; at++) {
    const line = lines[at]!;
    if (isBlank(line)) continue;
    if (indentOf(line) <= indent) break;
    if (first < 0 && /^\s*:[\w-]+:/.test(line.text)) continue;
    if (first < 0) first = at;
    last = at;
  }
  return first < 0 ? undefined : { first, last };
}

const codeBlock = (lines: readonly Line[], { first, last }: Indented): Block => ({
  kind: "code",
  start: lines[first]!.start,
  end: lines[last]!.end,
});

function headingAt(
  lines: readonly Line[],
  index: number,
): { style: string; line: Line; lineCount: number } | undefined {
  const [one, two, three] = lines.slice(index, index + 3);
  const over = ADORNMENT.exec(one!.text)?.[1];
  if (
    over !== undefined &&
    two &&
    three &&
    !isBlank(two) &&
    three.text.trim() === one!.text.trim()
  ) {
    return { style: `${over}${over}`, line: two, lineCount: 3 };
  }
  const under = two ? ADORNMENT.exec(two.text)?.[1] : undefined;
  if (under === undefined || isBlank(one) || over !== undefined) return undefined;
  if (two!.text.trimEnd().length < one!.text.trim().length) return undefined;
  return { style: under, line: one!, lineCount: 2 };
}
