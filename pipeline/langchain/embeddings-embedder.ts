import type { EmbeddingsInterface } from "@langchain/core/embeddings";
import { countWords, RagError } from "../../core/index.ts";
import type { Embedder } from "../../retriever/index.ts";
import { ForewordEmbeddings } from "./foreword-embeddings.ts";

/** A text of this many tokens is taken by every embedding model in use. */
const MAX_TOKENS = 254;

/**
 * Any LangChain embeddings as the embedder of a store. `id` tells their vectors apart from those of other models; without one it is made of the
 * class, its `model` and the vectors' length. Tokens are counted as words, for LangChain does not tell them.
 * @throws RagError model/invalid when they give no vector
 */
export async function embedderOf(embeddings: EmbeddingsInterface, id?: string): Promise<Embedder> {
  if (embeddings instanceof ForewordEmbeddings) return embeddings.embedder;
  const dimension = (await embeddings.embedQuery("dimension")).length;
  if (dimension === 0) {
    throw new RagError("model/invalid", "embeddings: expected a vector, found an empty one.");
  }
  const { model } = embeddings as { readonly model?: unknown };
  const name = `${embeddings.constructor.name}${typeof model === "string" ? `/${model}` : ""}`;
  return {
    id: id ?? `langchain/${name}/${dimension}`,
    dimension,
    maxTokens: MAX_TOKENS,
    embed: async (texts, { kind = "passage", signal } = {}) => {
      signal?.throwIfAborted();
      const vectors =
        kind === "query"
          ? await Promise.all(texts.map((text) => embeddings.embedQuery(text)))
          : await embeddings.embedDocuments([...texts]);
      return vectors.map(unitVector);
    },
    countTokens: countWords,
    close: async () => {},
  };
}

/** f32 [D] of length 1; a vector of zeros stays as it is. */
export function unitVector(values: readonly number[]): Float32Array {
  const norm = Math.hypot(...values);
  return Float32Array.from(values, (value) => (norm === 0 ? value : value / norm));
}
