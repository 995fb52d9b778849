import { isBlank, type Line, splitLines } from "./lines.ts";
import { headingText } from "./markdown-heading.ts";
import type { Block, ParsedDocument } from "./parsed-document.ts";

/** What follows backticks holds no more of them, or it is code within a line. */
const FENCE = /^ {0,3}(`{3,}(?=[^`]*$)|~{3,})/;
const HEADING = /^ {0,3}(#{1,6})(?:[ \t]|#*[ \t]*$)/;
const UNDERLINE = /^ {0,3}(=+|-+)[ \t]*$/;
/** Nothing, a line of tags, or a rule: none of it is read. */
const MARKUP = /^(?:(?:<\/?[A-Za-z][^<>]*>\s*)*|([-*_])(?:[ \t]*\1){2,})$/;
/** Where a link leads, with its title, is not read either; a footnote is, and what somebody in brackets says. */
const LINK_TARGET = /^\[(?!\^)[^\]]+\]:\s+(?:<[^<>]*>|\S+)(?:\s+(?:"[^"]*"|'[^']*'|\([^)]*\)))?$/;
const TABLE_RULE = /^ {0,3}\|?[ \t]*:?-+:?[ \t]*(\|[ \t]*:?-+:?[ \t]*)+(?:\|[ \t]*)?$/;

/**
 * Markdown keeps its text, marks included, so offsets are the file's. Front matter is left out but for its title, and so are
 * lines of tags only, comments, rules and the targets of links.
 * @see CommonMark 0.31, sections 4.2, 4.3, 4.5; GitHub Flavored Markdown, section 4.10 (tables)
 */
export function parseMarkdown(text: string): ParsedDocument {
  const lines = splitLines(text);
  const front = frontMatter(lines);
  const scanned = new MarkdownScan(lines, front.lineCount).blocks();
  const blocks = scanned
    .filter((block) => !isMarkup(text, block))
    .map((block) => (block.kind === "heading" ? withWords(text, block) : block));
  const opening = blocks[0]?.kind === "heading" ? blocks[0] : undefined;
  const first = blocks.find(({ level }) => level === 1) ?? opening;
  return {
    title: front.title || (first?.words ?? ""),
    text,
    blocks,
  };
}

const withWords = (text: string, heading: Block): Block => ({
  ...heading,
  words: headingText(text.slice(heading.start, heading.end)),
});

function isMarkup(text: string, { kind, start, end }: Block): boolean {
  if (kind !== "paragraph") return false;
  const lines = withoutComments(text.slice(start, end)).split("\n");
  return lines.every((line) => isUnread(line.trim()));
}

/** Looked for up to the last end alone, so that beginnings without one are not each read to the end of the text. */
function withoutComments(part: string): string {
  const end = part.lastIndexOf("-->") + "-->".length;
  return part.slice(0, end).replace(/<!--[\s\S]*?-->/g, "") + part.slice(end);
}

const isUnread = (line: string): boolean => MARKUP.test(line) || LINK_TARGET.test(line);

function frontMatter(lines: readonly Line[]): { title: string; lineCount: number } {
  if (lines[0]?.text.trimEnd() !== "---") return { title: "", lineCount: 0 };
  const end = lines.findIndex((line, index) => index > 0 && /^(---|\.\.\.)\s*$/.test(line.text));
  if (end < 0) return { title: "", lineCount: 0 };
  return { title: frontTitle(lines.slice(1, end).map(({ text }) => text)), lineCount: end + 1 };
}

/** The title that front matter names, which may stand on the lines below. @see YAML 1.2.2, sections 7.3 and 8.1 */
function frontTitle(lines: readonly string[]): string {
  const at = lines.findIndex((line) => /^title:\s*\S/.test(line));
  const value = lines[at]?.slice("title:".length).trim() ?? "";
  if (!/^[>|][-+\d]*(?:\s+#.*)?$/.test(value)) return value.replace(/^(["'])(.*)\1$/, "$2");
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => /^\S/.test(line));
  const own = below.slice(0, end < 0 ? below.length : end).map((line) => line.trim());
  return own.filter((line) => line !== "").join(" ");
}

/** Goes over the lines once and collects blocks. */
class MarkdownScan {
  readonly #lines: readonly Line[];
  /** Of each line the next one from it on that could end a comment; the number of lines where there is none. */
  readonly #commentEnds: Uint32Array;
  #next: number;

  constructor(lines: readonly Line[], first: number) {
    this.#lines = lines;
    this.#next = first;
    this.#commentEnds = new Uint32Array(lines.length);
    let end = lines.length;
    for (let index = lines.length - 1; index >= 0; index--) {
      if (lines[index]!.text.includes("-->")) end = index;
      this.#commentEnds[index] = end;
    }
  }

  blocks(): Block[] {
    const found: Block[] = [];
    while (this.#next < this.#lines.length) {
      const line = this.#lines[this.#next]!;
      const comment = this.#commentEnd(this.#next);
      if (isBlank(line)) this.#next++;
      else if (comment !== undefined) this.#next = comment + 1;
      else found.push(this.#fence(line) ?? this.#heading(line) ?? this.#paragraph());
    }
    return found;
  }

  #fence(line: Line): Block | undefined {
    const mark = FENCE.exec(line.text)?.[1];
    if (mark === undefined) return undefined;
    const first = this.#next++;
    const closes = (text: string) => {
      const closing = FENCE.exec(text)?.[1];
      return closing?.startsWith(mark) === true && text.trim() === closing;
    };
    while (this.#next < this.#lines.length && !closes(this.#lines[this.#next]!.text)) this.#next++;
    this.#next = Math.min(this.#next + 1, this.#lines.length);
    return this.#block("code", first);
  }

  #heading(line: Line): Block | undefined {
    const level = HEADING.exec(line.text)?.[1]?.length;
    if (level === undefined) return undefined;
    const first = this.#next++;
    return { ...this.#block("heading", first), level };
  }

  /** The last line of a comment that begins at a line and ends at another, with nothing after it; blank lines may lie between. */
  #commentEnd(first: number): number | undefined {
    const { text } = this.#lines[first]!;
    if (!/^ {0,3}<!--/.test(text) || text.includes("-->")) return undefined;
    const end = this.#commentEnds[first]!;
    return /-->\s*$/.test(this.#lines[end]?.text ?? "") ? end : undefined;
  }

  /** Lines up to a blank one, a heading, a fence or a comment of several lines. */
  #paragraph(): Block {
    const first = this.#next++;
    for (; this.#next < this.#lines.length; this.#next++) {
      const line = this.#lines[this.#next]!;
      if (isBlank(line) || FENCE.test(line.text) || HEADING.test(line.text)) break;
      if (this.#commentEnd(this.#next) !== undefined) break;
      const underline = UNDERLINE.exec(line.text)?.[1];
      if (underline === undefined || !this.#canUnderline(first)) continue;
      this.#next++;
      return { ...this.#block("heading", first), level: underline.startsWith("=") ? 1 : 2 };
    }
    const isTable = TABLE_RULE.test(this.#lines[first + 1]?.text ?? "");
    return this.#block(isTable ? "table" : "paragraph", first);
  }

  /** One line above the rule, and no list or quote: more is seldom meant as a heading. */
  #canUnderline(first: number): boolean {
    return this.#next === first + 1 && !/^\s*([-*+>|]|\d+[.)])/.test(this.#lines[first]!.text);
  }

  #block(kind: Block["kind"], first: number): Block {
    return { kind, start: this.#lines[first]!.start, end: this.#lines[this.#next - 1]!.end };
  }
}
