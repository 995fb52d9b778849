/** A document as LangChain's loaders hand it over. */
export interface LoadedDocument {
  readonly pageContent: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly id?: string | undefined;
}

/** What is used of a LangChain document loader. */
export interface DocumentLoader {
  load(): Promise<readonly LoadedDocument[]>;
}

/** What is used of a LangChain text splitter. */
export interface TextSplitter {
  splitText(text: string): Promise<readonly string[]>;
}

/** Begins the hash of every document that came from a loader. */
export const LOADER_HASH_MARK = "loader:";

/** Whether a stored document came from a loader, which names its source as it likes: an address, an id, a path elsewhere. */
export const isFromLoader = ({ hash }: { readonly hash: string }): boolean =>
  hash.startsWith(LOADER_HASH_MARK);
