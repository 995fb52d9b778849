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
