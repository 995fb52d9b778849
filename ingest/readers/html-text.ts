import { raised } from "./superscript.ts";

/** The part of a DOM node that is looked at; linkedom's nodes have it. */
export interface HtmlNode {
  readonly nodeType: number;
  readonly nodeName: string;
  readonly textContent: string | null;
  readonly childNodes: Iterable<HtmlNode>;
  /** Elements only. */
  readonly getAttribute?: (name: string) => string | null;
}

export const ELEMENT = 1;
export const TEXT = 3;
/** Elements without text of the page. */
export const LEFT_OUT = new Set(
  // RT, RP and RTC are readings set above words; the last two say a formula of MathML once more, in another notation.
  "SCRIPT STYLE NOSCRIPT TEMPLATE SVG HEAD TITLE BUTTON SELECT TEXTAREA IFRAME OBJECT RT RP RTC ANNOTATION ANNOTATION-XML".split(
    " ",
  ),
);
/** Elements that begin and end paragraphs. */
export const BOUNDARIES = new Set(
  "ADDRESS ARTICLE ASIDE BLOCKQUOTE BODY CAPTION DD DETAILS DIV DL DT FIELDSET FIGCAPTION FIGURE FOOTER FORM HEADER HGROUP HR MAIN NAV P SECTION SUMMARY TBODY TD TFOOT TH THEAD TR".split(
    " ",
  ),
);
/** What sets words apart within a line, beside {@link BOUNDARIES}. */
const APART = /^(?:BR|H[1-6]|LI|OL|UL|PRE|TABLE)$/;

/** Text of an element on one line; its blocks and line breaks are set apart by spaces. */
export function inlineText(node: HtmlNode): string {
  return textBelow(node).replace(/\s+/g, " ").trim();
}

function textBelow(node: HtmlNode): string {
  let text = "";
  for (const child of node.childNodes) {
    if (child.nodeType === TEXT) text += child.textContent ?? "";
    if (child.nodeType !== ELEMENT) continue;
    const name = child.nodeName.toUpperCase();
    if (LEFT_OUT.has(name)) continue;
    const inner = superscriptOf(child) ?? textBelow(child);
    text += BOUNDARIES.has(name) || APART.test(name) ? ` ${inner} ` : inner;
  }
  return text;
}

/** The digits and signs that a superscript is; none for other text, and for a link, such as a note's. */
export function superscriptOf(node: HtmlNode): string | undefined {
  if (node.nodeName.toUpperCase() !== "SUP") return undefined;
  if ([...node.childNodes].some(({ nodeName }) => nodeName.toUpperCase() === "A")) return undefined;
  const text = node.textContent ?? "";
  const superscript = raised(text);
  return superscript === text ? undefined : superscript;
}

/** What sets lines of code apart, beside BR. */
const CODE_LINES = /^(?:DIV|P|LI|TR)$/;

/** Text of an element whose white space counts, in the lines that a page shows. */
export function codeText(node: HtmlNode): string {
  let text = "";
  const endLine = () => {
    if (text !== "" && !text.endsWith("\n")) text += "\n";
  };
  const visit = (below: HtmlNode): void => {
    for (const child of below.childNodes) {
      const name = child.nodeName.toUpperCase();
      if (child.nodeType === TEXT) text += child.textContent ?? "";
      else if (name === "BR") text += "\n";
      else if (CODE_LINES.test(name)) {
        endLine();
        visit(child);
        endLine();
      } else if (child.nodeType === ELEMENT && !LEFT_OUT.has(name)) visit(child);
    }
  };
  visit(node);
  return text;
}

/** What an attribute says, where it is a whole number. */
export const wholeNumber = (text: string | null | undefined, otherwise: number): number =>
  /^-?\d{1,9}$/.test(text ?? "") ? Number(text) : otherwise;
