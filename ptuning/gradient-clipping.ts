import { RagError } from "../core/index.ts";

/** As in torch.nn.utils.clip_grad_norm_. */
const CLIP_EPSILON = 1e-6;

/**
 * What every gradient of a step is multiplied by so that together they are no longer than `maxGradientNorm`.
 * @throws RagError train/diverged when the gradient holds NaN or infinity. `step` counts from 1.
 */
export function clippingScale(
  gradientNorm: number,
  {
    maxGradientNorm,
    step,
    learningRate,
  }: { readonly maxGradientNorm: number; readonly step: number; readonly learningRate: number },
): number {
  if (Number.isFinite(gradientNorm)) {
    return Math.min(1, maxGradientNorm / (gradientNorm + CLIP_EPSILON));
  }
  throw new RagError(
    "train/diverged",
    `training step ${step}: the gradient is not finite; lower the learning rate (now ${learningRate}).`,
  );
}
