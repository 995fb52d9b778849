import {
  type Corpus,
  type Embedder,
  openCorpus,
  openRetriever,
  type RerankOptions,
  type Retriever,
} from "../retriever/index.ts";
import { type ForewordOptions, openWorkspace } from "./open-foreword.ts";

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

type OwnOptions = "store" | "cache" | "threads" | "model" | "rerank" | "reranker" | "rerankDepth";

/**
 * Opens a store, and makes an empty one where there is none. `embedder`: the name or path of a model, or an embedder of the caller's, which stays
 * open afterwards.
 * @throws RagError config/invalid, model/*, store/mismatch, store/invalid
 */
export async function openStore(
  options: Pick<ForewordOptions, OwnOptions> & {
    readonly embedder?: string | Embedder;
  } = {},
): Promise<OpenedStore> {
  const { embedder: wanted, store, cache, threads, model, rerank, reranker, rerankDepth } = options;
  const { workspace, settings } = openWorkspace({
    ...(store === undefined ? {} : { store }),
    ...(cache === undefined ? {} : { cache }),
    ...(threads === undefined ? {} : { threads }),
    ...(model === undefined ? {} : { model }),
    ...(rerank === undefined ? {} : { rerank }),
    ...(reranker === undefined ? {} : { reranker }),
    ...(rerankDepth === undefined ? {} : { rerankDepth }),
    ...(typeof wanted === "string" ? { embedder: wanted } : {}),
  });
  const closers: (() => void | Promise<void>)[] = [() => workspace.close()];
  const close = async () => {
    for (const one of closers.splice(0).reverse()) await one();
  };
  try {
    const embedder = typeof wanted === "object" ? wanted : await workspace.embedder();
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
