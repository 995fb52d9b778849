import {
  type Corpus,
  type Embedder,
  openCorpus,
  openRetriever,
  type RerankOptions,
  type Retriever,
} from "../retriever/index.ts";
import { openWorkspace } from "./open-foreword.ts";
import type { ForewordOptions } from "./settings.ts";

/** A store's documents and their search in this process, without a language model unless it reranks; close it to free it. */
export interface OpenedStore {
  readonly folder: string;
  readonly corpus: Corpus;
  readonly embedder: Embedder;
  readonly retriever: Retriever;
  /** How its searches order their best passages again, where that was asked for. */
  readonly rerank?: RerankOptions | undefined;
  close(): Promise<void>;
}

/** `embedder`: the name or path of a model, or an embedder of the caller's, which stays open afterwards. */
export type OpenStoreOptions = Omit<ForewordOptions, "embedder"> & {
  readonly embedder?: string | Embedder | undefined;
};

/**
 * Opens a store, and makes an empty one where there is none.
 * @throws RagError config/invalid, model/*, store/mismatch, store/invalid
 */
export async function openStore(options: OpenStoreOptions = {}): Promise<OpenedStore> {
  const { embedder: wanted, ...others } = options;
  const [name, own] = typeof wanted === "object" ? [undefined, wanted] : [wanted, undefined];
  const { workspace, settings } = openWorkspace({ ...others, embedder: name });
  const closers: (() => void | Promise<void>)[] = [() => workspace.close()];
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    const embedder = own ?? (await workspace.embedder());
    const corpus = openCorpus(settings.store, { embedder, create: true });
    closers.push(() => corpus.close());
    const retriever = await openRetriever(settings.store, { corpus, embedder });
    const reranking = await workspace.reranking();
    return { folder: settings.store, corpus, embedder, retriever, rerank: reranking, close };
  } catch (thrown) {
    await close();
    throw thrown;
  }
}
