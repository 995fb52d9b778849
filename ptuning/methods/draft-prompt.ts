import { type Adaptation, DRAFT_SLOT } from "../../generator/index.ts";
import type { TensorParameters } from "../tensor-parameters.ts";
import type { TensorMap } from "../trainable.ts";
import { stepOptions, type TrainedPrompt } from "./method.ts";

let drafts = 0;

/** Of weights that are still being trained: each draft replaces the one before. */
const draftIdentity = () => ({ slot: DRAFT_SLOT, version: String(++drafts) });

/**
 * What changes the model's weights, while it is trained. Its identity is another only after a step or a load, so that the engine which was opened
 * to answer with it serves until then. `adapt` makes the conditioning of its tensors, whose order is that of the gradients.
 */
export function draftPrompt(
  trainable: Omit<TensorParameters, "parameters">,
  adapt: (tensors: TensorMap, identity: Adaptation["identity"]) => Adaptation,
): TrainedPrompt {
  let identity = draftIdentity();
  const order = [...trainable.forward().keys()];
  return {
    trainable: {
      ...trainable,
      load: (saved) => {
        trainable.load(saved);
        identity = draftIdentity();
      },
    },
    conditioning: () => adapt(trainable.forward(), identity),
    step: (gradients, learningRate) => {
      const named = order.map((name, index) => [name, gradients[index]!] as const);
      const report = trainable.step(new Map(named), stepOptions(learningRate));
      identity = draftIdentity();
      return report;
    },
  };
}
