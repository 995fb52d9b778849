import { SaxesParser } from "saxes";
import { errorMessage, RagError } from "../../core/index.ts";

/** Attributes by their name as written ("r:id") and, where free, without the prefix ("id"). */
export type XmlAttributes = Readonly<Record<string, string>>;

/** A tag as it stands in the file, prefixes and all. */
export interface WrittenTag {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface XmlHandlers {
  /** `name`: without its prefix. */
  readonly open?: (name: string, attributes: XmlAttributes, written: WrittenTag) => void;
  readonly close?: (name: string, written: WrittenTag) => void;
  readonly text?: (text: string) => void;
}

/** Decoded and parsed at a time, so that a large part is never held as one string. */
const PIECE_BYTES = 2 ** 20;
/** The root element is looked for in the first so many bytes. */
const HEAD_BYTES = 2 ** 16;
const MAX_DEPTH = 2000;

/**
 * Walks an XML file from its start to its end. Entities other than the five of XML itself are refused, so none can expand.
 * @throws RagError file/invalid for damaged XML
 */
export function walkXml(bytes: Uint8Array, handlers: XmlHandlers): void {
  const parser = new SaxesParser({ xmlns: false });
  let depth = 0;
  parser.on("error", (error) => {
    throw new RagError("file/invalid", `holds damaged XML (${errorMessage(error)}).`);
  });
  parser.on("opentag", (tag) => {
    if (++depth > MAX_DEPTH) throw new RagError("file/invalid", "holds XML nested too deeply.");
    handlers.open?.(localName(tag.name), withLocalNames(tag.attributes), tag);
  });
  parser.on("closetag", (tag) => {
    depth--;
    handlers.close?.(localName(tag.name), tag);
  });
  if (handlers.text) {
    parser.on("text", handlers.text);
    parser.on("cdata", handlers.text);
  }
  const decoder = new TextDecoder(encodingOf(bytes));
  for (let at = 0; at < bytes.length; at += PIECE_BYTES) {
    parser.write(decoder.decode(bytes.subarray(at, at + PIECE_BYTES), { stream: true }));
  }
  parser.write(decoder.decode());
  parser.close();
}

/** Name of the root element without its prefix; "" where the first 64 KiB show none. */
export function rootName(bytes: Uint8Array): string {
  const parser = new SaxesParser({ xmlns: false });
  let root = "";
  parser.on("error", () => {
    // Damage is named when the file is read.
  });
  parser.on("opentagstart", ({ name }) => {
    root ||= localName(name);
  });
  parser.write(new TextDecoder(encodingOf(bytes)).decode(bytes.subarray(0, HEAD_BYTES)));
  return root;
}

function encodingOf(bytes: Uint8Array): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return "utf-8";
}

const localName = (name: string) => name.slice(name.indexOf(":") + 1);

function withLocalNames(attributes: Readonly<Record<string, string>>): XmlAttributes {
  const named: Record<string, string> = { ...attributes };
  for (const [name, value] of Object.entries(attributes)) named[localName(name)] ??= value;
  return named;
}

/** What stands in the elements called `wanted`, trimmed; "" without one, or without a document. */
export function textInside(xml: Uint8Array | undefined, wanted: string): string {
  let found = "";
  let isInside = false;
  if (!xml) return found;
  walkXml(xml, {
    open: (name) => {
      isInside = name === wanted;
    },
    close: () => {
      isInside = false;
    },
    text: (text) => {
      if (isInside) found += text;
    },
  });
  return found.trim();
}
