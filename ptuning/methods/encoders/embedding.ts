import { normal } from "../initial-values.ts";
import { EMBEDDING, type EncoderNetwork } from "./network.ts";

/** The virtual tokens themselves are trained: one array [K, H]. @see Lester et al., arXiv 2104.08691 */
export const embeddingNetwork: EncoderNetwork = {
  initialise: ({ virtualTokens, width }, random) =>
    new Map([[EMBEDDING, normal(random, [virtualTokens, width])]]),
  forward: (tf, parameter) => tf.clone(parameter(EMBEDDING)),
};
