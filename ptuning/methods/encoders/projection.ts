import { normal } from "../initial-values.ts";
import { EMBEDDING, type EncoderNetwork, initialiseLinear, linear } from "./network.ts";

/**
 * Embedding [K, width] → Linear(width, hidden) → tanh → Linear(hidden, outputs).
 * @see PEFT 0.21 PrefixEncoder with prefix_projection
 */
export const projectionNetwork: EncoderNetwork = {
  initialise: ({ virtualTokens, width, hiddenSize, outputs = width }, random) =>
    new Map([
      [EMBEDDING, normal(random, [virtualTokens, width])],
      ...initialiseLinear(random, "transform.0", { inputs: width, outputs: hiddenSize }),
      ...initialiseLinear(random, "transform.2", { inputs: hiddenSize, outputs }),
    ]),
  forward: (tf, parameter) => {
    const hidden = tf.tanh(linear(tf, parameter, "transform.0")(parameter(EMBEDDING)));
    return linear(tf, parameter, "transform.2")(hidden);
  },
};
