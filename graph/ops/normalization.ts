import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import { float, type Value } from "../value.ts";
import { multiply, subtract } from "./arithmetic.ts";
import { meanOfLast } from "./reduce.ts";

const stretch = (x: Value) => [...x.shape.slice(0, -1), 1];

/**
 * With x̂ = x·r and g = dy ⊙ w:  dx = r · (g − x̂ · mean(g ⊙ x̂)),  dw = Σ dy ⊙ x̂.
 * The second output is r, the inverse deviation.
 */
const rms: Operator = {
  type: "SimplifiedLayerNormalization",
  hasOptionalOutputs: true,
  infer: ([x]) => [x!, { type: "float32", shape: stretch(x!) }],
  gradient: (graph, { inputs: [x, weight], outputs: [, inverse] }, [dy], needs) => {
    const unit = multiply(graph, x!, inverse!);
    const dUnit = multiply(graph, dy!, weight!);
    const along = multiply(graph, unit, meanOfLast(graph, multiply(graph, dUnit, unit)));
    return [
      needs[0] ? multiply(graph, inverse!, subtract(graph, dUnit, along)) : undefined,
      needs[1] ? multiply(graph, dy!, unit) : undefined,
    ];
  },
};

/**
 * With x̂ = (x − μ)·r and g = dy ⊙ w:  dx = r · (g − mean(g) − x̂ · mean(g ⊙ x̂)),  dw = Σ dy ⊙ x̂,  db = Σ dy.
 * The further outputs are μ and r.
 */
const layer: Operator = {
  type: "LayerNormalization",
  hasOptionalOutputs: true,
  infer: ([x]) => [
    x!,
    { type: "float32", shape: stretch(x!) },
    { type: "float32", shape: stretch(x!) },
  ],
  gradient: (graph, { inputs: [x, weight], outputs: [, mean, inverse] }, [dy], needs) => {
    const unit = multiply(graph, subtract(graph, x!, mean!), inverse!);
    const dUnit = multiply(graph, dy!, weight!);
    const level = meanOfLast(graph, dUnit);
    const along = multiply(graph, unit, meanOfLast(graph, multiply(graph, dUnit, unit)));
    const inner = subtract(graph, subtract(graph, dUnit, level), along);
    return [
      needs[0] ? multiply(graph, inverse!, inner) : undefined,
      needs[1] ? multiply(graph, dy!, unit) : undefined,
      dy,
    ];
  },
};

/**
 * RMSNorm over the last axis: x / √(mean(x²) + ε) · weight.
 * x: f32 [..., H], weight: f32 [H].
 * @see Zhang and Sennrich 2019; ONNX Runtime operator SimplifiedLayerNormalization
 */
export const rmsNorm = (graph: Graph, x: Value, weight: Value, epsilon: number): Value =>
  graph.one(rms, [x, weight], { axis: -1, epsilon: float(epsilon) });

/**
 * (x − mean) / √(variance + ε) · weight + bias over the last axis.
 * x: f32 [..., H], weight and bias: f32 [H].
 * @see ONNX operator LayerNormalization, opset 17
 */
export const layerNorm = (
  graph: Graph,
  x: Value,
  parameters: { readonly weight: Value; readonly bias: Value; readonly epsilon: number },
): Value =>
  graph.one(layer, [x, parameters.weight, parameters.bias], {
    axis: -1,
    epsilon: float(parameters.epsilon),
  });
