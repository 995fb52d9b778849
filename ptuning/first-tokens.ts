import type { Conditioning } from "../generator/index.ts";
import type { LearnedPrompt } from "./prompt-file.ts";

/**
 * The first `count` virtual tokens of a conditioning; all of them when it has fewer, and as it is when it changes weights.
 * `headDimension`: D of the model.
 * @see SPRING, arXiv 2405.19670, section 3.3: a prompt trained with random first-k works for any k
 */
export function firstTokens(
  conditioning: Conditioning,
  count: number,
  headDimension: number,
): Conditioning {
  if (count >= conditioning.count) return conditioning;
  if (conditioning.kind === "virtual") {
    const width = conditioning.rows.length / conditioning.count;
    return { ...conditioning, count, rows: conditioning.rows.subarray(0, count * width) };
  }
  if (!("keys" in conditioning)) return conditioning;
  const [from, to] = [conditioning.count * headDimension, count * headDimension];
  const cut = (rows: readonly Float32Array[]) => rows.map((one) => copyHeads(one, from, to));
  return { ...conditioning, count, keys: cut(conditioning.keys), values: cut(conditioning.values) };
}

/** A prompt with its first `count` virtual tokens only; as it is when it has no more, or changes weights. */
export function withFirstTokens({ about, content }: LearnedPrompt, count: number): LearnedPrompt {
  if (count >= about.virtualTokens || count < 1) return { about, content };
  const shorter = { ...about, virtualTokens: count };
  if ("virtualTokens" in content) {
    const rows = content.virtualTokens.subarray(0, count * about.baseModel.width);
    return { about: shorter, content: { virtualTokens: rows } };
  }
  if (!("deep" in content)) return { about, content };
  const { headDimension } = about.baseModel;
  const [from, to] = [about.virtualTokens * headDimension, count * headDimension];
  const cut = (rows: readonly Float32Array[]) => rows.map((one) => copyHeads(one, from, to));
  const { keys, values } = content.deep;
  return { about: shorter, content: { deep: { keys: cut(keys), values: cut(values) } } };
}

/** Gradients of {@link firstTokens} as gradients of the whole: zero for the tokens that were left out. */
export function spreadGradients(
  gradients: readonly Float32Array[],
  tokens: { readonly count: number; readonly whole: Conditioning; readonly headDimension: number },
): readonly Float32Array[] {
  const { count, whole, headDimension } = tokens;
  if (count >= whole.count) return gradients;
  return gradients.map((gradient) => {
    const row = whole.kind === "virtual" ? gradient.length / count : headDimension;
    return copyHeads(gradient, count * row, whole.count * row);
  });
}

/** Blocks of `from` numbers, each cut or filled with zeros to `to`. */
function copyHeads(rows: Float32Array, from: number, to: number): Float32Array {
  const blocks = rows.length / from;
  const out = new Float32Array(blocks * to);
  for (let block = 0; block < blocks; block++) {
    const start = block * from;
    out.set(rows.subarray(start, start + Math.min(from, to)), block * to);
  }
  return out;
}
