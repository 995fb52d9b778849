/** A line of a text; `end` is before its line break. */
export interface Line {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

export function splitLines(text: string): Line[] {
  const lines: Line[] = [];
  let start = 0;
  for (const line of text.split("\n")) {
    lines.push({ text: line, start, end: start + line.length });
    start += line.length + 1;
  }
  return lines;
}

export const isBlank = (line: Line | undefined): boolean =>
  line === undefined || !/\S/.test(line.text);
