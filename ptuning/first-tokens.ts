import type { Conditioning } from "../generator/index.ts";
import type { LearnedPrompt } from "./prompt-file.ts";
import type { DeepTokens } from "./prompt-tensors.ts";

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
  const cut = { from: conditioning.count, to: count, headDimension };
  if (conditioning.kind === "virtual") {
    return { ...conditioning, count, rows: firstRows(conditioning.rows, cut) };
  }
  if (!("keys" in conditioning)) return conditioning;
  return { ...conditioning, count, ...firstOfHeads(conditioning, cut) };
}

/** A prompt with its first `count` virtual tokens only; as it is when it has no more, or changes weights. */
export function withFirstTokens({ about, content }: LearnedPrompt, count: number): LearnedPrompt {
  if (count >= about.virtualTokens || count < 1) return { about, content };
  const shorter = { ...about, virtualTokens: count };
  const { headDimension } = about.baseModel;
  const cut = { from: about.virtualTokens, to: count, headDimension };
  if ("virtualTokens" in content) {
    return { about: shorter, content: { virtualTokens: firstRows(content.virtualTokens, cut) } };
  }
  if (!("deep" in content)) return { about, content };
  return { about: shorter, content: { deep: firstOfHeads(content.deep, cut) } };
}

/** From how many virtual tokens to how many. */
interface Cut {
  readonly from: number;
  readonly to: number;
  readonly headDimension: number;
}

/** Of rows [from, width], without a copy. */
const firstRows = (rows: Float32Array, { from, to }: Cut): Float32Array =>
  rows.subarray(0, (rows.length / from) * to);

/** Of keys and values by layer, [heads, from, D] each. */
function firstOfHeads({ keys, values }: DeepTokens, cut: Cut): DeepTokens {
  const [from, to] = [cut.from * cut.headDimension, cut.to * cut.headDimension];
  const first = (rows: readonly Float32Array[]) => rows.map((one) => copyHeads(one, from, to));
  return { keys: first(keys), values: first(values) };
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
