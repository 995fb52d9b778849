import { RagError } from "../../core/index.ts";
import type { Embedder, NewChunk } from "../../retriever/index.ts";
import type { TextSplitter } from "../loaders/loaded-document.ts";
import type { ParsedDocument } from "../readers/parsed-document.ts";
import { CHUNK_SIZES, chunkDocument, chunkSizesFor } from "./chunker.ts";
import { splitWith } from "./split-with.ts";

/** How documents are cut into chunks. */
export interface Cutting {
  /** A LangChain text splitter, to cut with instead of Foreword's chunker; lines of .jsonl files are passages already. */
  readonly splitter?: TextSplitter | undefined;
  /** Tokens of the chunk before that a chunk of Foreword's repeats at most, in whole sentences. Default 0; 120 at most. */
  readonly overlap?: number | undefined;
}

/** Half a chunk. */
const MAX_OVERLAP = 120;

/** Checks an overlap. `source` says where it came from. @throws RagError config/invalid */
export function requireOverlap(overlap: number | undefined, source: string): void {
  if (
    overlap === undefined ||
    (Number.isInteger(overlap) && overlap >= 0 && overlap <= MAX_OVERLAP)
  )
    return;
  throw new RagError(
    "config/invalid",
    `${source}: expected a whole number from 0 to ${MAX_OVERLAP}, found ${overlap}; correct it.`,
  );
}

/** Cuts a document for an embedder. @throws RagError request/unsupported for a splitter that rewrites text, config/invalid for the overlap */
export async function cutDocument(
  document: ParsedDocument,
  embedder: Embedder,
  { splitter, overlap = 0 }: Cutting,
): Promise<NewChunk[]> {
  const countTokens = (text: string) => embedder.countTokens(text);
  if (splitter)
    return splitWith(splitter, document, { countTokens, maxTokens: embedder.maxTokens });
  requireOverlap(overlap, "overlap");
  const sizes = chunkSizesFor(embedder.maxTokens);
  // At most half a chunk, also of a small one.
  const overlapTokens = Math.min(overlap, Math.floor(sizes.maxTokens / 2));
  return chunkDocument(document, countTokens, { ...sizes, overlapTokens });
}

/**
 * Tells ways of cutting apart, so that a document is cut again when it changes: by the splitter or overlap, or for an embedder that
 * reads less than most; "" for the usual one.
 */
export function cuttingName({ splitter, overlap = 0 }: Cutting, { maxTokens }: Embedder): string {
  if (splitter) {
    const { chunkSize, chunkOverlap } = splitter as Readonly<Record<string, unknown>> &
      TextSplitter;
    return `${splitter.constructor.name}/${chunkSize}/${chunkOverlap}:`;
  }
  const sizes = chunkSizesFor(maxTokens);
  const size = sizes.maxTokens < CHUNK_SIZES.maxTokens ? `size-${sizes.maxTokens}:` : "";
  return `${size}${overlap === 0 ? "" : `overlap-${overlap}:`}`;
}
