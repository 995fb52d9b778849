import { RagError, Random } from "../../core/index.ts";
import type { LossAndGradient, TrainingExample } from "../../generator/index.ts";
import type { TrainedPrompt } from "../methods/method.ts";
import { batchGradient, type Trainer } from "./batch-gradient.ts";

export interface RateTest {
  /** The rate to train with. */
  readonly learningRate: number;
  readonly curve: readonly { readonly learningRate: number; readonly loss: number }[];
}

const STEPS = 40;
const LOWEST = 1e-6;
const HIGHEST = 1;
/** Weight of the past in the smoothed loss. */
const SMOOTHING = 0.8;
/** The test ends when the smoothed loss is this many times the best. */
const BLOWN_UP = 2;
/** How far below the rate of the lowest loss it is safe to train. */
const SAFETY = 4;

/**
 * Raises the rate step by step from 1e-6 to 1 and watches the loss: the suggestion lies a factor of four below the rate at which the
 * smoothed loss was lowest. It ends early where loss or gradient are no numbers any more. Changes `prompt`, which is of no use afterwards.
 * @throws RagError train/diverged when no rate lowers the loss
 * @see Smith, arXiv 1506.01186, section 3.3 (LR range test)
 */
export async function findLearningRate(
  prompt: TrainedPrompt,
  trainer: Trainer,
  work: {
    readonly examples: readonly TrainingExample[];
    readonly batch: number;
    readonly seed: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<RateTest> {
  const random = new Random(work.seed);
  const curve: { learningRate: number; loss: number }[] = [];
  let smoothed: number | undefined;
  let best = { loss: Number.POSITIVE_INFINITY, learningRate: LOWEST };
  for (let step = 0; step < STEPS; step++) {
    work.signal?.throwIfAborted();
    const learningRate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1));
    const examples = random.shuffle(work.examples).slice(0, work.batch);
    const { loss, gradients } = await batchGradient(trainer, prompt.conditioning(), {
      ...work,
      examples,
    });
    if (!Number.isFinite(loss)) break;
    smoothed = smoothed === undefined ? loss : SMOOTHING * smoothed + (1 - SMOOTHING) * loss;
    curve.push({ learningRate, loss });
    if (smoothed < best.loss) best = { loss: smoothed, learningRate };
    if (smoothed > BLOWN_UP * best.loss) break;
    if (!tryStep(prompt, gradients, learningRate)) break;
  }
  // The first loss is of no rate yet.
  if (best.learningRate > LOWEST) return { learningRate: best.learningRate / SAFETY, curve };
  const rates = `from ${LOWEST} to ${HIGHEST}`;
  const found = curve.length === 0 ? "is not a number at any rate" : `falls at no rate ${rates}`;
  throw new RagError(
    "train/diverged",
    `learning rate: the loss ${found}; check the question-answer pairs, or set --learning-rate yourself.`,
  );
}

/** Makes the step, unless its gradient is not finite: a loss can still be a number where its derivative is none. */
function tryStep(
  prompt: TrainedPrompt,
  gradients: LossAndGradient["gradients"],
  learningRate: number,
): boolean {
  try {
    prompt.step(gradients, learningRate);
    return true;
  } catch (thrown) {
    if (thrown instanceof RagError && thrown.code === "train/diverged") return false;
    throw thrown;
  }
}
