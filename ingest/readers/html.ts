import { isProbablyReaderable, Readability } from "@mozilla/readability";
import { parseHTML } from "linkedom";
import { DocumentBuilder } from "./document-builder.ts";
import { addHtmlBlocks } from "./html-blocks.ts";
import { type HtmlNode, inlineText } from "./html-text.ts";
import type { ParsedDocument } from "./parsed-document.ts";

/** Elements around the content of a page, taken out where the readable part cannot be told. */
const SURROUNDINGS = "nav, header[role=banner], footer, aside, [role=navigation], [hidden]";
/** What wikis put between the text of an article: links for editing, and a table of contents made of its headings. */
const WIKI_TOOLS = ".mw-editsection, .mw-jump-link, #toc, .toc, [role=doc-toc]";
/** The readable part must hold this share of the page's words, or it has missed the content. */
const MIN_READABLE_SHARE = 0.4;

/** The readable part of a web page, without menus, advertisements and scripts. */
export function parseHtml(html: string): ParsedDocument {
  const { document } = parseHTML(html);
  // A drawing may have a title of its own.
  const ownTitle = inlineText(document.querySelector("title:not(svg title)") ?? EMPTY);
  const heading = inlineText(document.querySelector("h1") ?? EMPTY);
  const body = bodyOf(html);
  // It would see the first of several bodies only, and none where the tag is left out.
  const mayBeReadable = document.querySelectorAll("body").length === 1;
  const readable = mayBeReadable && isProbablyReaderable(document) ? readablePart(html) : undefined;
  const isEnough = (readable?.text.length ?? 0) >= body.text.length * MIN_READABLE_SHARE;
  const parsed = readable && isEnough ? readable : body;
  return { ...parsed, title: heading || ownTitle };
}

/** All blocks of an HTML fragment, as other formats are turned into. `title`: the document's own. */
export function parseHtmlFragment(html: string, title = ""): ParsedDocument {
  const builder = new DocumentBuilder();
  addHtmlFragment(html, builder);
  return builder.finish(title);
}

/** Adds the blocks of an HTML page or fragment to a document. */
export function addHtmlFragment(html: string, builder: DocumentBuilder): void {
  const { document } = parseHTML(html);
  // Of all of it: where the body's tag is left out, the parser's own body is an empty one.
  addHtmlBlocks(document as HtmlNode, builder);
}

const EMPTY: HtmlNode = { nodeType: 1, nodeName: "", textContent: "", childNodes: [] };

/** Readability takes its document apart, so it gets one of its own. */
function readablePart(html: string): ParsedDocument | undefined {
  const { document } = parseHTML(html);
  for (const element of document.querySelectorAll(WIKI_TOOLS)) element.remove();
  const article = new Readability(document as never).parse();
  return article?.content ? parseHtmlFragment(article.content) : undefined;
}

function bodyOf(html: string): ParsedDocument {
  const { document } = parseHTML(html);
  for (const element of document.querySelectorAll(`${SURROUNDINGS}, ${WIKI_TOOLS}`))
    element.remove();
  const builder = new DocumentBuilder();
  addHtmlBlocks(document as HtmlNode, builder);
  return builder.finish();
}
