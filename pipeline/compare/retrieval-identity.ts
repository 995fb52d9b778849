import { sha256 } from "../../core/index.ts";
import type { Corpus } from "../../retriever/index.ts";
import type { Settings } from "../settings.ts";

/** A text that is another one when a store would find other passages: other documents, embedder or reranking. */
export function retrievalIdentity(
  corpus: Corpus,
  { rerank, reranker, rerankDepth }: Settings,
): string {
  const documents = [...corpus.documents()].map(({ id, hash }) => [id, hash]);
  const { chunks } = corpus.counts();
  return sha256(
    JSON.stringify([documents, chunks, corpus.embedder, rerank, reranker, rerankDepth]),
  );
}
