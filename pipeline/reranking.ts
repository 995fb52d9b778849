import { RagError } from "../core/index.ts";
import type { Generator } from "../generator/index.ts";
import { CrossEncoder, type RerankOptions } from "../retriever/index.ts";
import type { ResolvedModel } from "../runtime/index.ts";
import { likelihoodReranker } from "./likelihood-reranker.ts";
import type { Settings } from "./settings.ts";

/** Passages that are ordered again unless set. */
const DEFAULT_DEPTH = 18;
/** Share of the reranker beside that of the search: measured, see docs/retrieval.md. */
const LIKELIHOOD_WEIGHT = 0.5;
const CROSS_ENCODER_WEIGHT = 1;

/** A reranker as a search takes it; close it to free its model. */
export interface OpenedReranking {
  readonly options: RerankOptions;
  close(): Promise<void>;
}

/**
 * Opens the reranker of the settings; undefined for none.
 * @throws RagError config/invalid when a cross-encoder is wanted and none is named; model/*
 */
export async function openReranking(
  settings: Settings,
  parts: {
    readonly generator: () => Promise<Generator>;
    readonly resolveModel: (name: string) => Promise<ResolvedModel>;
    readonly signal: AbortSignal;
  },
): Promise<OpenedReranking | undefined> {
  const { rerank, reranker, rerankDepth: depth = DEFAULT_DEPTH, threads } = settings;
  if (rerank === "none") return undefined;
  if (rerank === "likelihood") {
    const score = likelihoodReranker(await parts.generator());
    return { options: { score, depth, weight: LIKELIHOOD_WEIGHT }, close: async () => {} };
  }
  if (reranker === undefined) {
    throw new RagError(
      "config/invalid",
      "--rerank cross-encoder: expected its model in --reranker, found none; name a folder with a BERT cross-encoder, or take --rerank likelihood.",
    );
  }
  const encoder = await CrossEncoder.open(await parts.resolveModel(reranker), {
    ...(threads === undefined ? {} : { threads }),
    signal: parts.signal,
  });
  const score: RerankOptions["score"] = (...asked) => encoder.score(...asked);
  const options = { score, depth, weight: CROSS_ENCODER_WEIGHT };
  return { options, close: () => encoder.close() };
}
