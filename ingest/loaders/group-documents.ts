import { basename, extname, isAbsolute } from "node:path";
import { flatMetadata, type Metadata } from "../../retriever/index.ts";
import { sourceOf } from "../find-files.ts";
import { formatOf } from "../readers/formats.ts";
import { parseMarkdown } from "../readers/markdown.ts";
import type { Block, ParsedDocument } from "../readers/parsed-document.ts";
import { parsePlainText } from "../readers/plain-text.ts";
import { shortTitle } from "../readers/short-title.ts";
import { storedMetadata } from "../stored-metadata.ts";
import type { LoadedDocument } from "./loaded-document.ts";

/** A document of the store, made of one or more that a loader gave. */
export interface LoadedGroup {
  readonly id: string;
  readonly source: string;
  readonly parsed: ParsedDocument;
  readonly metadata: Metadata;
}

const SEPARATOR = "\n\n";
/** What a loader says of the file system, not of the document: a change of it is no change. */
const PASSING_FACTS = new Set(["lastAccessed"]);

/**
 * Documents of one source that differ in their page only become one document with pages; others stay apart, as `source#2` and so on. The source
 * is a loader's `path` or `source`, relative to `root` where it is a file below it. Half a character becomes the sign for a broken one.
 */
export function groupDocuments(documents: readonly LoadedDocument[], root: string): LoadedGroup[] {
  const bySource = new Map<string, LoadedDocument[]>();
  for (const [index, document] of documents.entries()) {
    const named = sourceName(document, root) ?? document.id ?? `document-${index + 1}`;
    const source = named.toWellFormed();
    bySource.set(source, [...(bySource.get(source) ?? []), document]);
  }
  return [...bySource].flatMap(([source, members]) => {
    if (members.length === 1 || arePages(members)) return [joined(source, source, members)];
    return members.map((member, index) => joined(`${source}#${index + 1}`, source, [member]));
  });
}

function sourceName({ metadata }: LoadedDocument, root: string): string | undefined {
  const { path, source } = metadata;
  const named = [path, source].filter((one) => typeof one === "string" && one !== "") as string[];
  const file = named.find((one) => isAbsolute(one));
  return file === undefined ? named.at(-1) : sourceOf(file, root);
}

const pageOf = ({ metadata }: LoadedDocument): number | undefined => {
  const { pageNumber } = (metadata["loc"] ?? {}) as { readonly pageNumber?: unknown };
  return Number.isInteger(pageNumber) && (pageNumber as number) > 0
    ? (pageNumber as number)
    : undefined;
};

function arePages(members: readonly LoadedDocument[]): boolean {
  if (members.some((member) => pageOf(member) === undefined)) return false;
  const rest = ({ metadata }: LoadedDocument) => JSON.stringify({ ...metadata, loc: undefined });
  return members.every((member) => rest(member) === rest(members[0]!));
}

function joined(id: string, source: string, members: readonly LoadedDocument[]): LoadedGroup {
  const isMarkdown = formatOf(source) === "markdown";
  const blocks: Block[] = [];
  let text = "";
  let title = "";
  for (const member of members) {
    const part = (isMarkdown ? parseMarkdown : parsePlainText)(
      member.pageContent.replace(/\r\n?/g, "\n").toWellFormed(),
    );
    if (text !== "") text += SEPARATOR;
    const page = pageOf(member);
    for (const { start, end, ...block } of part.blocks) {
      const place = { start: text.length + start, end: text.length + end };
      blocks.push({ ...block, ...place, ...(page === undefined ? {} : { page }) });
    }
    text += part.text;
    title ||= part.title;
  }
  const metadata = sharedMetadata(members);
  const named = [metadata["title"], metadata["pdf.info.Title"], title];
  title = shortTitle(String(named.find(Boolean) ?? basename(source, extname(source))));
  return { id, source, parsed: { title, text, blocks }, metadata };
}

/** What all members say alike. */
function sharedMetadata(members: readonly LoadedDocument[]): Metadata {
  const [first = {}, ...others] = members.map(({ metadata }) => flatMetadata(metadata));
  const shared = Object.entries(first).filter(
    ([key, value]) => !PASSING_FACTS.has(key) && others.every((other) => other[key] === value),
  );
  return storedMetadata(shared);
}
