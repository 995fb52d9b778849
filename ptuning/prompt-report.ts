import { type Model, type NearToken, nearestByValue, nearestTokens } from "../generator/index.ts";
import { baseModelOf } from "./model-description.ts";
import type { LearnedPrompt } from "./prompt-file.ts";
import { checkPromptFits } from "./prompt-record.ts";
import type { RowContent } from "./prompt-tensors.ts";

/** One virtual token. */
export interface TokenReport {
  /** Euclidean length: of the embedding; of keys and values, the mean over layers. */
  readonly norm: number;
  /**
   * Words of the vocabulary that point most nearly the same way, where the model is given: by their embeddings or, where rows are keys
   * and values, by their values at the first layer.
   */
  readonly nearest?: readonly { readonly token: string; readonly cosine: number }[];
}

const NEAREST = 3;

/**
 * What can be said about each virtual token; none for changed weights. `model`: the prompt's own, for the words.
 * @throws RagError prompt/mismatch when the model is another
 */
export async function describeContent(
  { about, content }: LearnedPrompt,
  model?: Model,
): Promise<readonly TokenReport[]> {
  if (!("virtualTokens" in content || "deep" in content)) return [];
  if (model) checkPromptFits({ about }, baseModelOf(model));
  const near = model && (await nearestTo(content, model));
  return Array.from({ length: about.virtualTokens }, (_, token) => {
    const norm = normOf(content, token, about);
    if (!near || !model) return { norm };
    const nearest = near[token]!.map(({ id, cosine }) => ({
      token: model.tokenizer.decode([id]),
      cosine,
    }));
    return { norm, nearest };
  });
}

const nearestTo = async (
  content: RowContent,
  model: Model,
): Promise<readonly (readonly NearToken[])[] | undefined> =>
  "deep" in content
    ? nearestByValue(model, content.deep.values[0]!, NEAREST)
    : nearestTokens(model, content.virtualTokens, NEAREST);

function normOf(content: RowContent, token: number, about: LearnedPrompt["about"]): number {
  const { width } = about.baseModel;
  if (!("deep" in content)) {
    return Math.hypot(...content.virtualTokens.subarray(token * width, (token + 1) * width));
  }
  const { keys, values } = content.deep;
  const lengths = [...keys, ...values].map((rows) => deepNorm(rows, token, about));
  return lengths.reduce((sum, length) => sum + length, 0) / lengths.length;
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
