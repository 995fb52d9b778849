/** Facts about a document that a search can filter by. */
export type Metadata = Readonly<Record<string, string | number | boolean>>;

/** A document as ingest hands it over. */
export interface NewDocument {
  readonly id: string;
  /** Where it came from: a path relative to where ingest began, or an address. */
  readonly source: string;
  /** The folder where ingest began, absolute and without links; left out for what no file of this machine stands behind. */
  readonly root?: string;
  readonly title: string;
  readonly format: string;
  /** A name that groups documents. */
  readonly collection?: string;
  /** sha256 of what it was read from. */
  readonly hash: string;
  readonly text: string;
  readonly metadata: Metadata;
}

/** A passage of a document; `start` and `end` are UTF-16 offsets into its text. */
export interface NewChunk {
  readonly start: number;
  readonly end: number;
  /** From 1, where the document has pages. */
  readonly page?: number;
  /** Headings above it, outermost first. */
  readonly heading: readonly string[];
  readonly text: string;
}

/** The metadata key that marks a document which a program added, not ingest; its value is that program's own record of it, as JSON. */
export const PROGRAM_METADATA = "$program";

/** Whether a document was added by a program: no file stands behind it. */
export const isFromProgram = ({ metadata }: { readonly metadata: Metadata }): boolean =>
  metadata[PROGRAM_METADATA] !== undefined;

/** A stored document without its text. */
export type DocumentRecord = Omit<NewDocument, "text">;

export interface ChunkRecord extends NewChunk {
  readonly id: number;
  readonly documentId: string;
}
