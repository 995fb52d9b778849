import { parseJson, RagError } from "../../core/index.ts";
import type { ChunkRecord, DocumentRecord } from "./records.ts";

export const SELECT_DOCUMENT =
  "SELECT d.id, d.source, d.title, d.format, d.collection, d.hash, d.metadata, d.root FROM documents d";
export const SELECT_CHUNK =
  "SELECT id, document_id, start_offset, end_offset, page, heading, text FROM chunks";

interface ChunkRow {
  readonly id: number;
  readonly document_id: string;
  readonly start_offset: number;
  readonly end_offset: number;
  readonly page: number | null;
  readonly heading: string;
  readonly text: string;
}

export function toDocument(row: unknown): DocumentRecord {
  const { metadata, collection, root, ...rest } = row as Omit<DocumentRecord, "metadata"> & {
    metadata: string;
    collection: string;
    root: string;
  };
  return {
    ...rest,
    ...(root === "" ? {} : { root }),
    ...(collection === "" ? {} : { collection }),
    metadata: parseColumn(metadata, "metadata") as DocumentRecord["metadata"],
  };
}

export function toChunk(found: unknown): ChunkRecord {
  const row = found as ChunkRow;
  return {
    id: row.id,
    documentId: row.document_id,
    start: row.start_offset,
    end: row.end_offset,
    ...(row.page === null ? {} : { page: row.page }),
    heading: parseColumn(row.heading, "heading") as ChunkRecord["heading"],
    text: row.text,
  };
}

const parseColumn = (text: string, column: string): unknown =>
  parseJson(
    text,
    (problem) =>
      new RagError(
        "store/invalid",
        `the store's database: a ${column} is damaged (${problem}); restore it from a copy, or ingest again.`,
      ),
  );

export const toBlob = (vector: Float32Array): Buffer =>
  Buffer.from(vector.buffer, vector.byteOffset, vector.byteLength);

/** In place where SQLite's buffer is aligned to four bytes, else a copy. */
export const fromBlob = (blob: Buffer): Float32Array =>
  blob.byteOffset % Float32Array.BYTES_PER_ELEMENT === 0
    ? new Float32Array(blob.buffer, blob.byteOffset, blob.length / Float32Array.BYTES_PER_ELEMENT)
    : new Float32Array(new Uint8Array(blob).buffer);
