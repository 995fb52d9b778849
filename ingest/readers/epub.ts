import { posix } from "node:path";
import { RagError } from "../../core/index.ts";
import { decodeText } from "./decode-text.ts";
import { DocumentBuilder } from "./document-builder.ts";
import { addHtmlFragment } from "./html.ts";
import type { ParsedDocument } from "./parsed-document.ts";
import { walkXml } from "./xml.ts";
import { unzip } from "./zip.ts";

/**
 * A book (.epub): the files of its spine, one after the other.
 * @see EPUB 3.3, sections 4.2.6.3 (container.xml) and 5.6 (spine)
 */
export function parseEpub(bytes: Uint8Array): ParsedDocument {
  const files = unzip(bytes, (name) => !/\.(jpe?g|png|gif|svg|ttf|otf|woff2?|mp[34])$/i.test(name));
  const packagePath = packagePathIn(requireFile(files, "META-INF/container.xml"));
  const { title, paths, spine } = readPackage(requireFile(files, packagePath), packagePath);
  requireReadable(files, [...paths.values()]);
  const builder = new DocumentBuilder();
  for (const id of spine) {
    const content = files.get(paths.get(id) ?? "");
    if (content) addHtmlFragment(asHtml(decodeText(content)), builder);
  }
  return builder.finish(title);
}

/** Of the first of the package files that a container names. */
function packagePathIn(container: Uint8Array): string {
  let path: string | undefined;
  walkXml(container, {
    open: (name, attributes) => {
      if (name === "rootfile") path ??= attributes["full-path"];
    },
  });
  return path ?? "";
}

interface BookPackage {
  readonly title: string;
  /** Paths of the book's files by their ids, without its table of contents, which is made of what stands elsewhere. */
  readonly paths: ReadonlyMap<string, string>;
  /** Ids in reading order. */
  readonly spine: readonly string[];
}

function readPackage(xml: Uint8Array, packagePath: string): BookPackage {
  const folder = posix.dirname(packagePath);
  const paths = new Map<string, string>();
  const spine: string[] = [];
  const titles: string[] = [];
  let isInTitle = false;
  walkXml(xml, {
    open: (name, { id = "", href = "", idref = "", properties = "" }) => {
      if (name === "item" && !/\bnav\b/.test(properties))
        paths.set(id, posix.join(folder, pathOf(href)));
      if (name === "itemref") spine.push(idref);
      isInTitle = name === "title";
      if (isInTitle) titles.push("");
    },
    close: () => {
      isInTitle = false;
    },
    text: (text) => {
      if (isInTitle) titles[titles.length - 1] += text;
    },
  });
  return { title: titles[0]?.replace(/\s+/g, " ") ?? "", paths, spine };
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

/** XHTML as HTML has it, which knows no CDATA and no empty elements but those: in it `<script/>` begins one that never ends. */
function asHtml(xhtml: string): string {
  return withoutCdata(xhtml).replace(/<[A-Za-z][^<>]*\/>/g, (tag) => {
    const name = /^<([^\s/>]+)/.exec(tag)![1]!;
    return VOID.has(name.toLowerCase()) ? tag : `${tag.slice(0, -2)}></${name}>`;
  });
}

/** Looked for up to the last end alone, so that beginnings without one are not each read to the end of the text. */
function withoutCdata(xhtml: string): string {
  const end = xhtml.lastIndexOf("]]>") + "]]>".length;
  const escaped = xhtml
    .slice(0, end)
    .replace(/<!\[CDATA\[([\s\S]*?)\]\]>/g, (_, text: string) =>
      text.replaceAll("&", "&amp;").replaceAll("<", "&lt;"),
    );
  return escaped + xhtml.slice(end);
}

function requireFile(files: ReadonlyMap<string, Uint8Array>, path: string): Uint8Array {
  const bytes = files.get(path);
  if (bytes) return bytes;
  throw new RagError("file/invalid", `is no EPUB book: it lacks ${path || "a package file"}.`);
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
