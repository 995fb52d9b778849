import { normal } from "../initial-values.ts";
import { EMBEDDING, type EncoderNetwork, initialiseLinear, linear } from "./network.ts";

/**
 * Embedding [K, H] → Linear(H, hidden) → ReLU → Linear(hidden, hidden) → ReLU → Linear(hidden, H).
 * @see PEFT 0.21 PromptEncoder with encoder_reparameterization_type "MLP"
 */
export const mlpNetwork: EncoderNetwork = {
  initialise: ({ virtualTokens, width, hiddenSize }, random) =>
    new Map([
      [EMBEDDING, normal(random, [virtualTokens, width])],
      ...initialiseLinear(random, "mlp_head.0", { inputs: width, outputs: hiddenSize }),
      ...initialiseLinear(random, "mlp_head.2", { inputs: hiddenSize, outputs: hiddenSize }),
      ...initialiseLinear(random, "mlp_head.4", { inputs: hiddenSize, outputs: width }),
    ]),
  forward: (tf, parameter) => {
    const first = tf.relu(linear(tf, parameter, "mlp_head.0")(parameter(EMBEDDING)));
    const second = tf.relu(linear(tf, parameter, "mlp_head.2")(first));
    return linear(tf, parameter, "mlp_head.4")(second);
  },
};
