import { isBlank, type Line, splitLines } from "./lines.ts";
import type { Block, ParsedDocument } from "./parsed-document.ts";

const ADORNMENT = /^([!-/:-@[-`{-~])\1{2,}\s*$/;

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
      finish(index);
    } else {
      first ??= index;
    }
  }
  finish(lines.length);
  const top = blocks.find(({ level }) => level === 1);
  return { title: top ? text.slice(top.start, top.end).trim() : "", text, blocks };
}

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
