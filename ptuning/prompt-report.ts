import { type Model, nearestTokens } from "../generator/index.ts";
import type { LearnedPrompt } from "./prompt-file.ts";
import { checkPromptFits } from "./prompt-record.ts";
import { baseModelOf } from "./training/describe-run.ts";

/** One virtual token. */
export interface TokenReport {
  /** Euclidean length: of the embedding; of keys and values, the mean over layers. */
  readonly norm: number;
  /** Words of the vocabulary that point most nearly the same way; where the model is given and rows are embeddings. */
  readonly nearest?: readonly { readonly token: string; readonly cosine: number }[];
}

const NEAREST = 3;

/**
 * What can be said about each virtual token; none for changed weights. `model`: the prompt's own, for the words.
 * @throws RagError prompt/mismatch when the model is another
 */
export function describeContent(
  { about, content }: LearnedPrompt,
  model?: Model,
): readonly TokenReport[] {
  const count = about.virtualTokens;
  if ("deep" in content) {
    const { keys, values } = content.deep;
    return Array.from({ length: count }, (_, token) => {
      const lengths = [...keys, ...values].map((rows) => deepNorm(rows, token, about));
      return { norm: lengths.reduce((sum, length) => sum + length, 0) / lengths.length };
    });
  }
  if (!("virtualTokens" in content)) return [];
  const { width } = about.baseModel;
  if (model) checkPromptFits({ about }, baseModelOf(model));
  const near = model ? nearestTokens(model, content.virtualTokens, NEAREST) : undefined;
  return Array.from({ length: count }, (_, token) => {
    const norm = Math.hypot(...content.virtualTokens.subarray(token * width, (token + 1) * width));
    if (!near || !model) return { norm };
    const { tokenizer } = model;
    const nearest = near[token]!.map(({ id, cosine }) => ({
      token: tokenizer.decode([id]),
      cosine,
    }));
    return { norm, nearest };
  });
}

/** Of one token's rows in all heads: rows f32 [heads, K, D]. */
function deepNorm(rows: Float32Array, token: number, about: LearnedPrompt["about"]): number {
  const { keyValueHeads, headDimension } = about.baseModel;
  let sum = 0;
  for (let head = 0; head < keyValueHeads; head++) {
    const start = (head * about.virtualTokens + token) * headDimension;
    for (let i = 0; i < headDimension; i++) sum += rows[start + i]! ** 2;
  }
  return Math.sqrt(sum);
}
