import type { Graph } from "../graph.ts";
import type { Operator } from "../operator.ts";
import type { Value } from "../value.ts";
import { negate } from "./arithmetic.ts";

/** A rotation is orthogonal: its gradient is the rotation by the opposite angle. */
const rotation: Operator = {
  type: "RotaryEmbedding",
  domain: "com.microsoft",
  infer: ([x]) => [x!],
  gradient: (graph, { inputs: [, positions, cosines, sines], attributes }, [dy]) => [
    graph.one(rotation, [dy!, positions!, cosines!, negate(graph, sines!)], attributes),
  ],
};

/** Angles of every position: f32 [positions, D/2] each, D the head dimension. */
export interface RotaryTables {
  readonly cosines: Value;
  readonly sines: Value;
}

/**
 * Rotary position embedding, the halves of a head rotated against each other.
 * x: f32 [B, N, T, D]; positions: int64 [B, T], each below the tables' length.
 * @see Su et al., arXiv 2104.09864; ONNX Runtime operator com.microsoft.RotaryEmbedding
 */
export const rotate = (graph: Graph, x: Value, positions: Value, tables: RotaryTables): Value =>
  graph.one(rotation, [x, positions, tables.cosines, tables.sines], { interleaved: 0 });
