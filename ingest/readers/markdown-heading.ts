import { trimEndOf } from "./trim-end.ts";

/** A sign after a backslash, code within a line, a run of stars or low lines. */
const MARK = /\\([!-/:-@[-`{-~])|(?<!`)(`+)(?!`)(.*?[^`])\2(?!`)|\*+|_+/gs;
const LETTER_BEFORE = /[\p{L}\p{N}]$/u;
const LETTER_AFTER = /^[\p{L}\p{N}]/u;

/** A heading's words without the marks around them; its first line is looked at. */
export function headingText(source: string): string {
  const line = source.replace(/\n.*$/s, "").replace(/^ {0,3}#{1,6}[ \t]*/, "");
  const words = trimEndOf(line.trimEnd(), /#/)
    .trimEnd()
    .replace(/\{(?:#|\/\*)[^{}]*\}$/, "");
  return withoutMarks(words).trim();
}

/**
 * Leaves out backslashes, the backticks of code and the marks of emphasis. What no second mark answers is text (`5* hotel`), and so are low lines
 * within a word (`get_user`) and all marks within code. Runs of marks are taken whole.
 * @see CommonMark 0.31, sections 2.4, 6.1 and 6.2
 */
function withoutMarks(text: string): string {
  const parts: string[] = [];
  /** Of each run of marks that may begin emphasis, where it stands among the parts. */
  const open = new Map<string, number[]>();
  let at = 0;
  for (const match of text.matchAll(MARK)) {
    const [run, sign, backticks, code = ""] = match;
    parts.push(text.slice(at, match.index));
    at = match.index + run.length;
    if (sign !== undefined) parts.push(sign);
    else if (backticks !== undefined) parts.push(code.trim());
    else {
      const before = text.slice(Math.max(0, match.index - 2), match.index);
      const { begins, ends } = emphasisAt(run, before, text.slice(at, at + 2));
      const beginning = ends ? open.get(run)?.pop() : undefined;
      if (beginning !== undefined) parts[beginning] = "";
      else if (begins && !open.get(run)?.push(parts.length)) open.set(run, [parts.length]);
      parts.push(beginning === undefined ? run : "");
    }
  }
  return parts.join("") + text.slice(at);
}

/** Whether a run of marks can begin emphasis, and end it, by what stands around it. */
function emphasisAt(run: string, before: string, after: string) {
  const isLowLine = run.startsWith("_");
  return {
    begins: /^\S/.test(after) && !(isLowLine && LETTER_BEFORE.test(before)),
    ends: /\S$/.test(before) && !(isLowLine && LETTER_AFTER.test(after)),
  };
}
