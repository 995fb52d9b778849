import { Random } from "../../core/index.ts";
import type { Embedder } from "../../retriever/index.ts";

/**
 * A stand-in whose vectors depend on the words only: texts that share words are close. For tests of everything around the
 * embedder; the real one has tests of its own.
 */
export function hashEmbedder(dimension = 32, id = `hash-${dimension}`): Embedder {
  const embedOne = (text: string): Float32Array => {
    const vector = new Float32Array(dimension).fill(1e-6);
    for (const word of text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []) {
      const seed = [...word].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)!) | 0, 7);
      const random = new Random(seed);
      for (let i = 0; i < dimension; i++) vector[i]! += random.normal();
    }
    const norm = Math.hypot(...vector);
    return vector.map((x) => x / norm);
  };
  return {
    id,
    dimension,
    maxTokens: 254,
    embed: async (texts, options) => {
      options?.signal?.throwIfAborted();
      return texts.map(embedOne);
    },
    countTokens: (text) => text.split(/\s+/).filter((word) => word !== "").length,
    close: async () => {},
  };
}
