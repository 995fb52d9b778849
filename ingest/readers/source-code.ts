import { isBlank, splitLines } from "./lines.ts";
import type { Block, ParsedDocument } from "./parsed-document.ts";

/**
 * Source code keeps its text, so offsets are the file's. A block begins where, after a blank line, the code is back at the margin: a
 * function with the comment above it is one block.
 */
export function parseSourceCode(text: string): ParsedDocument {
  const blocks: Block[] = [];
  let start: number | undefined;
  let end = 0;
  let wasBlank = true;
  const finish = () => {
    if (start !== undefined) blocks.push({ kind: "code", start, end });
    start = undefined;
  };
  for (const line of splitLines(text)) {
    if (isBlank(line)) {
      wasBlank = true;
      continue;
    }
    if (wasBlank && /^[^\s})\]]/.test(line.text)) finish();
    start ??= line.start;
    end = line.end;
    wasBlank = false;
  }
  finish();
  return { title: "", text, blocks };
}
