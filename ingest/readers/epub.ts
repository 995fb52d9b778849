import { posix } from "node:path";
import { parseHTML } from "linkedom";
import { RagError } from "../../core/index.ts";
import { decodeText } from "./decode-text.ts";
import { DocumentBuilder } from "./document-builder.ts";
import { addHtmlFragment } from "./html.ts";
import { inlineText } from "./html-text.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { unzip } from "./zip.ts";

/**
 * A book (.epub): the files of its spine, one after the other.
 * @see EPUB 3.3, sections 4.2.6.3 (container.xml) and 5.6 (spine)
 */
export function parseEpub(bytes: Uint8Array): ParsedDocument {
  const files = unzip(bytes, (name) => !/\.(jpe?g|png|gif|svg|ttf|otf|woff2?|mp[34])$/i.test(name));
  const container = xml(files, "META-INF/container.xml");
  const packagePath = container.querySelector("rootfile")?.getAttribute("full-path") ?? "";
  const book = xml(files, packagePath);
  const folder = posix.dirname(packagePath);
  const paths = new Map<string, string>();
  for (const item of book.querySelectorAll("manifest item")) {
    // The table of contents is made of what stands elsewhere.
    if (/\bnav\b/.test(item.getAttribute("properties") ?? "")) continue;
    const href = pathOf(item.getAttribute("href") ?? "");
    paths.set(item.getAttribute("id") ?? "", posix.join(folder, href));
  }
  requireReadable(files, [...paths.values()]);
  const builder = new DocumentBuilder();
  for (const reference of book.querySelectorAll("spine itemref")) {
    const content = files.get(paths.get(reference.getAttribute("idref") ?? "") ?? "");
    if (content) addHtmlFragment(asHtml(decodeText(content)), builder);
  }
  const title = [...book.querySelectorAll("metadata *")].find(({ nodeName }) =>
    /(^|:)title$/i.test(nodeName),
  );
  return builder.finish(title ? inlineText(title) : "");
}

/** The path that an address within the book names; one whose per cent signs encode nothing is taken as it stands. */
function pathOf(href: string): string {
  const address = href.replace(/#.*$/, "");
  try {
    return decodeURIComponent(address);
  } catch {
    return address;
  }
}

/** HTML's elements that have no end. @see HTML Standard, 13.1.2 (void elements) */
const VOID = new Set(
  "area base br col embed hr img input link meta param source track wbr".split(" "),
);

/** XHTML as HTML has it, which knows no empty elements but those: in it `<script/>` begins one that never ends. */
function asHtml(xhtml: string): string {
  return xhtml.replace(/<[A-Za-z][^<>]*\/>/g, (tag) => {
    const name = /^<([^\s/>]+)/.exec(tag)![1]!;
    return VOID.has(name.toLowerCase()) ? tag : `${tag.slice(0, -2)}></${name}>`;
  });
}

function xml(files: ReadonlyMap<string, Uint8Array>, path: string) {
  const bytes = files.get(path);
  if (!bytes)
    throw new RagError("file/invalid", `is no EPUB book: it lacks ${path || "a package file"}.`);
  return parseHTML(decodeText(bytes)).document;
}

/** Books with copy protection list their encrypted files; fonts may be among them without harm. */
function requireReadable(files: ReadonlyMap<string, Uint8Array>, paths: readonly string[]): void {
  const encrypted = files.get("META-INF/encryption.xml");
  if (!encrypted) return;
  const list = decodeText(encrypted);
  if (paths.some((path) => /\.x?html?$/i.test(path) && list.includes(path))) {
    throw new RagError(
      "file/unsupported",
      "is encrypted (copy protection); use a copy without it.",
    );
  }
}
