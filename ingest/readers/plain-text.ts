import { isBlank, splitLines } from "./lines.ts";
import type { Block, ParsedDocument } from "./parsed-document.ts";

/** Paragraphs are set apart by blank lines. The text stays as it is, so offsets are the file's. */
export function parsePlainText(text: string): ParsedDocument {
  const blocks: Block[] = [];
  let start: number | undefined;
  let end = 0;
  const finish = () => {
    if (start !== undefined) blocks.push({ kind: "paragraph", start, end });
    start = undefined;
  };
  for (const line of splitLines(text)) {
    if (isBlank(line)) {
      finish();
      continue;
    }
    start ??= line.start;
    end = line.end;
  }
  finish();
  return { title: "", text, blocks };
}
