import type { Tensor, Tensor2D } from "@tensorflow/tfjs";
import type { Random } from "../../../core/index.ts";
import type { TensorFlow } from "../../backend.ts";
import type { TensorData } from "../../trainable.ts";
import { normal, uniform } from "../initial-values.ts";
import {
  EMBEDDING,
  type EncoderNetwork,
  initialiseLinear,
  linear,
  PEFT_PREFIX,
} from "./network.ts";

const LAYERS = 2;
const DIRECTIONS = ["", "_reverse"] as const;

/**
 * Embedding [K, H] → 2-layer bidirectional LSTM (hidden) → Linear(2·hidden, 2·hidden) → ReLU → Linear(2·hidden, H).
 * @see PEFT 0.21 PromptEncoder with encoder_reparameterization_type "LSTM"; torch.nn.LSTM
 */
export const lstmNetwork: EncoderNetwork = {
  initialise: ({ virtualTokens, width, hiddenSize }, random) => {
    const both = 2 * hiddenSize;
    return new Map([
      [EMBEDDING, normal(random, [virtualTokens, width])],
      ...initialiseLstm(random, width, hiddenSize),
      ...initialiseLinear(random, "mlp_head.0", { inputs: both, outputs: both }),
      ...initialiseLinear(random, "mlp_head.2", { inputs: both, outputs: width }),
    ]);
  },
  forward: (tf, parameter) => {
    let rows = parameter(EMBEDDING);
    for (let layer = 0; layer < LAYERS; layer++) {
      const outputs = DIRECTIONS.map((direction) =>
        runDirection(tf, rows, lstmArrays(parameter, `l${layer}${direction}`), direction !== ""),
      );
      rows = tf.concat2d(outputs, 1);
    }
    return linear(tf, parameter, "mlp_head.2")(tf.relu(linear(tf, parameter, "mlp_head.0")(rows)));
  },
};

function initialiseLstm(random: Random, width: number, hidden: number): [string, TensorData][] {
  const bound = 1 / Math.sqrt(hidden);
  return Array.from({ length: LAYERS }, (_, layer) => layer).flatMap((layer) =>
    DIRECTIONS.flatMap((direction): [string, TensorData][] => {
      const name = (array: string) => `${PEFT_PREFIX}lstm_head.${array}_l${layer}${direction}`;
      const inputs = layer === 0 ? width : 2 * hidden;
      return [
        [name("weight_ih"), uniform(random, [4 * hidden, inputs], bound)],
        [name("weight_hh"), uniform(random, [4 * hidden, hidden], bound)],
        [name("bias_ih"), uniform(random, [4 * hidden], bound)],
        [name("bias_hh"), uniform(random, [4 * hidden], bound)],
      ];
    }),
  );
}

/** PyTorch stacks the gates' rows in the order input, forget, cell, output, and has two biases. */
interface LstmArrays {
  readonly inputWeight: Tensor2D; // [4·hidden, inputs]
  readonly hiddenWeight: Tensor2D; // [4·hidden, hidden]
  readonly inputBias: Tensor; // [4·hidden]
  readonly hiddenBias: Tensor; // [4·hidden]
}

function lstmArrays(parameter: (name: string) => Tensor2D, suffix: string): LstmArrays {
  const array = (name: string) => parameter(`${PEFT_PREFIX}lstm_head.${name}_${suffix}`);
  return {
    inputWeight: array("weight_ih"),
    hiddenWeight: array("weight_hh"),
    inputBias: array("bias_ih"),
    hiddenBias: array("bias_hh"),
  };
}

/** One direction of one layer: rows [K, inputs] → hidden states [K, hidden], in the rows' order. */
function runDirection(
  tf: TensorFlow,
  rows: Tensor2D,
  arrays: LstmArrays,
  isReverse: boolean,
): Tensor2D {
  const bias = tf.add(arrays.inputBias, arrays.hiddenBias);
  const fromInput = tf.add(tf.matMul(rows, arrays.inputWeight, false, true), bias);
  const hidden = arrays.hiddenWeight.shape[1];
  const steps = tf.split(fromInput, rows.shape[0], 0);
  let state: CellState = { hidden: tf.zeros([1, hidden]), cell: tf.zeros([1, hidden]) };
  const outputs: Tensor2D[] = [];
  // A reversed copy: the gradient tape holds the array `tf.split` returned.
  for (const step of isReverse ? steps.toReversed() : steps) {
    const gates = tf.add(step, tf.matMul(state.hidden, arrays.hiddenWeight, false, true));
    state = stepCell(tf, gates, state.cell);
    outputs.push(state.hidden);
  }
  return tf.concat2d(isReverse ? outputs.toReversed() : outputs, 0);
}

interface CellState {
  readonly hidden: Tensor2D; // [1, hidden]
  readonly cell: Tensor2D; // [1, hidden]
}

function stepCell(tf: TensorFlow, gates: Tensor, previous: Tensor2D): CellState {
  const [input, forget, candidate, output] = tf.split(gates, 4, 1);
  const cell: Tensor2D = tf.add(
    tf.mul(tf.sigmoid(forget!), previous),
    tf.mul(tf.sigmoid(input!), tf.tanh(candidate!)),
  );
  return { cell, hidden: tf.mul(tf.sigmoid(output!), tf.tanh(cell)) };
}
