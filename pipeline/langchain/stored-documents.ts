import { Document, type DocumentInterface } from "@langchain/core/documents";
import { parseJson, RagError, sha256 } from "../../core/index.ts";
import {
  type Corpus,
  type DocumentRecord,
  flatMetadata,
  isFromProgram,
  type NewDocument,
  PROGRAM_METADATA,
  type SearchResult,
} from "../../retriever/index.ts";

/**
 * A LangChain document as one of the store, kept whole as its only passage. Texts, numbers and truth values of its metadata can be
 * filtered by, those of nested objects as `loc.pageNumber`; the whole of it comes back as it was, as far as JSON can say it.
 */
export function storedDocument(
  { pageContent, metadata }: DocumentInterface,
  id: string,
): NewDocument {
  const fields = flatMetadata(metadata);
  const whole = JSON.stringify(metadata);
  const named = (key: string) =>
    typeof fields[key] === "string" ? (fields[key] as string) : undefined;
  const collection = named("collection");
  return {
    id,
    source: named("source") ?? id,
    title: named("title") ?? "",
    format: named("format") ?? "langchain",
    ...(collection === undefined ? {} : { collection }),
    hash: sha256(JSON.stringify([pageContent, whole])),
    text: pageContent,
    metadata: { ...fields, [PROGRAM_METADATA]: whole },
  };
}

/** The page that LangChain's loaders name, from 1. */
export function pageOf(metadata: DocumentInterface["metadata"]): number | undefined {
  const page: unknown = metadata["loc"]?.["pageNumber"];
  return Number.isInteger(page) && (page as number) > 0 ? (page as number) : undefined;
}

/**
 * A passage as LangChain's document. One that a program added has its id and metadata; one of a file has the id `document#passage`, and where it
 * stands in its metadata: documentId, source, title, page, start, end, heading.
 * @throws RagError store/invalid when what the store keeps of a program's metadata is damaged
 */
export function foundDocument(corpus: Corpus, result: SearchResult): Document | undefined {
  const record = corpus.document(result.documentId);
  // It was removed since it was found.
  if (!record) return undefined;
  const { id, documentId, text } = result;
  if (isFromProgram(record)) {
    return new Document({ id: documentId, pageContent: text, metadata: ownMetadata(record) });
  }
  const { source, title, page, start, end, heading } = result;
  const place = { documentId, source, title, start, end, heading };
  return new Document({
    id: `${documentId}#${id}`,
    pageContent: text,
    metadata: { ...record.metadata, ...place, ...(page === undefined ? {} : { page }) },
  });
}

/** The metadata as the program gave it. */
function ownMetadata({ metadata }: DocumentRecord): Document["metadata"] {
  return parseJson(
    String(metadata[PROGRAM_METADATA]),
    (problem) =>
      new RagError(
        "store/invalid",
        `the store's database: the metadata of a program's document is damaged (${problem}); add the document again.`,
      ),
  ) as Document["metadata"];
}
