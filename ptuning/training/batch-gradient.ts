import type { Random } from "../../core/index.ts";
import type {
  Conditioning,
  Generator,
  LossAndGradient,
  TrainingExample,
} from "../../generator/index.ts";
import { firstTokens, spreadGradients } from "../first-tokens.ts";

/** Where losses come from: the generator's trainer. */
export type Trainer = Pick<Generator, "lossAndGradient" | "model">;

/**
 * Mean loss and gradient of the examples, `batch` at a time; what one pass cannot hold is accumulated. With `random`, each pass
 * sees the first k virtual tokens only, k drawn from 1 to all, so that any k works later.
 */
export async function batchGradient(
  trainer: Trainer,
  conditioning: Conditioning,
  work: {
    readonly examples: readonly TrainingExample[];
    readonly batch: number;
    readonly random?: Random | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<LossAndGradient> {
  const { examples, batch, random, signal } = work;
  const { headDimension } = trainer.model.config;
  let loss = 0;
  let passageSeconds = 0;
  let sums: Float32Array[] | undefined;
  for (let first = 0; first < examples.length; first += batch) {
    const some = examples.slice(first, first + batch);
    const count = random ? 1 + random.integer(conditioning.count) : conditioning.count;
    const shown = firstTokens(conditioning, count, headDimension);
    const result = await trainer.lossAndGradient(some, shown, signal);
    const tokens = { count, whole: conditioning, headDimension };
    const gradients = spreadGradients(result.gradients, tokens);
    const share = some.length / examples.length;
    loss += result.loss * share;
    passageSeconds += result.passageSeconds;
    if (share === 1) return { loss, gradients, passageSeconds };
    sums ??= gradients.map((gradient) => new Float32Array(gradient.length));
    for (const [index, gradient] of gradients.entries()) {
      const sum = sums[index]!;
      for (let i = 0; i < sum.length; i++) sum[i]! += share * gradient[i]!;
    }
  }
  return { loss, gradients: sums ?? [], passageSeconds };
}
