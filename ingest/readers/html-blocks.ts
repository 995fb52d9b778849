import type { DocumentBuilder } from "./document-builder.ts";
import { tableText } from "./html-table.ts";
import {
  BOUNDARIES,
  codeText,
  ELEMENT,
  type HtmlNode,
  inlineText,
  LEFT_OUT,
  superscriptOf,
  TEXT,
  wholeNumber,
} from "./html-text.ts";

const MAX_PAGE = 100_000;
/** Nothing, or an item of a list without text. */
const EMPTY_LINE = /^\s*(?:(?:-|\d+\.)\s*)?$/;

/** Adds the blocks below a node to a document, in reading order. */
export function addHtmlBlocks(root: HtmlNode, builder: DocumentBuilder): void {
  new HtmlWalk(builder).walk(root);
}

class HtmlWalk {
  readonly #builder: DocumentBuilder;
  #text = "";
  /** Of each list around the text: the number of its next item; none where items have no numbers. */
  readonly #lists: (number | undefined)[] = [];
  /** Of the printed book, where a page names it. */
  #page: number | undefined;
  #nextPage: number | undefined;

  constructor(builder: DocumentBuilder) {
    this.#builder = builder;
  }

  walk(root: HtmlNode): void {
    this.#children(root);
    this.#flush();
  }

  #children(node: HtmlNode): void {
    for (const child of node.childNodes) this.#visit(child);
  }

  #visit(node: HtmlNode): void {
    if (node.nodeType === TEXT) this.#text += (node.textContent ?? "").replace(/\s+/g, " ");
    if (node.nodeType !== ELEMENT) return;
    const name = node.nodeName.toUpperCase();
    if (LEFT_OUT.has(name)) return;
    if (isPageBreak(node)) {
      this.#enterPage(node);
      return;
    }
    if (/^H[1-6]$/.test(name)) this.#heading(node, Number(name[1]));
    else if (name === "PRE") this.#block("code", codeText(node));
    else if (name === "TABLE" && !isLayout(node)) this.#block("table", tableText(node));
    else if (name === "BR") this.#text += "\n";
    else if (name === "UL" || name === "OL") this.#list(node);
    else if (name === "LI") this.#item(node);
    else if (BOUNDARIES.has(name)) this.#boundary(node);
    else this.#inline(node);
  }

  #inline(node: HtmlNode): void {
    const superscript = superscriptOf(node);
    if (superscript === undefined) this.#children(node);
    else this.#text += superscript.replace(/\s+/g, " ");
  }

  #heading(node: HtmlNode, level: number): void {
    this.#flush();
    this.#builder.add("heading", inlineText(node), { level, ...this.#place() });
  }

  #block(kind: "code" | "table", text: string): void {
    this.#flush();
    this.#builder.add(kind, text, this.#place());
  }

  #place() {
    return this.#page === undefined ? {} : { page: this.#page };
  }

  /** The number of a printed page is a place, not text. A paragraph belongs to the page it begins on. */
  #enterPage(node: HtmlNode): void {
    if (this.#text.trim() === "") this.#flush();
    const label = node.getAttribute?.("title") ?? node.getAttribute?.("aria-label");
    const number = /\d+/.exec(label || inlineText(node))?.[0];
    if (number !== undefined && Number(number) <= MAX_PAGE) this.#nextPage = Number(number);
    if (this.#text === "") this.#page = this.#nextPage ?? this.#page;
  }

  /** A list with all below it is one paragraph, an item a line. */
  #list(node: HtmlNode): void {
    if (this.#lists.length === 0) this.#flush();
    const isNumbered = node.nodeName.toUpperCase() === "OL";
    this.#lists.push(isNumbered ? wholeNumber(node.getAttribute?.("start"), 1) : undefined);
    this.#children(node);
    this.#lists.pop();
    if (this.#lists.length === 0) this.#flush();
  }

  #item(node: HtmlNode): void {
    const depth = Math.max(0, this.#lists.length - 1);
    const next = this.#lists[depth];
    const number = next === undefined ? undefined : wholeNumber(node.getAttribute?.("value"), next);
    if (number !== undefined) this.#lists[depth] = number + 1;
    const mark = number === undefined ? "-" : `${number}.`;
    this.#text += `\n${"  ".repeat(depth)}${mark} `;
    this.#children(node);
  }

  #boundary(node: HtmlNode): void {
    if (this.#lists.length > 0) {
      this.#children(node);
      this.#text += " ";
      return;
    }
    this.#flush();
    this.#children(node);
    this.#flush();
  }

  #flush(): void {
    const text = this.#text
      .split("\n")
      .map((line) => line.replace(/(\S)[^\S\n]+/g, "$1 ").trimEnd())
      .filter((line) => !EMPTY_LINE.test(line))
      .join("\n");
    this.#text = "";
    this.#builder.add("paragraph", text, this.#place());
    this.#page = this.#nextPage ?? this.#page;
  }
}

/** @see EPUB 3.3 Structural Semantics, "pagebreak"; DPUB-ARIA 1.1, doc-pagebreak */
function isPageBreak(node: HtmlNode): boolean {
  const role = node.getAttribute?.("epub:type") ?? node.getAttribute?.("role") ?? "";
  return /(^|\s)(doc-)?pagebreak(\s|$)/.test(role);
}

/** Old pages use tables to place things: such a table has headings or tables in its cells. */
function isLayout(table: HtmlNode): boolean {
  const queue = [...table.childNodes];
  for (let node = queue.pop(); node; node = queue.pop()) {
    if (/^(H[1-6]|TABLE)$/i.test(node.nodeName)) return true;
    queue.push(...node.childNodes);
  }
  return false;
}
