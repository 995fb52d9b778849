import type { Graph } from "../graph/index.ts";
import { floats, type Tensor } from "../runtime/index.ts";
import type { Adaptation } from "./conditioning.ts";
import type { DecoderOptions } from "./decoder-graph.ts";
import { InputWeights } from "./input-weights.ts";
import { buildLora } from "./lora.ts";
import type { WeightLayout } from "./weight-layout.ts";

/** How a decoder is written with changed weights, and what its graph must be fed for that. */
export interface AdaptedGraph {
  readonly decoder: DecoderOptions;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

/** The model as it is, with LoRA beside its projections, or with all weights replaced by inputs. */
export function adaptGraph(
  graph: Graph,
  model: { readonly config: DecoderOptions["config"]; readonly weights: WeightLayout },
  adaptation: Adaptation | undefined,
): AdaptedGraph {
  if (adaptation?.kind === "lora") {
    const { adapt } = buildLora(graph, model.config, adaptation.shape);
    return { decoder: { ...model, adapt }, feeds: toFeeds(adaptation.matrices) };
  }
  if (adaptation?.kind === "full" && adaptation.weights instanceof Map) {
    const weights = new InputWeights(model.weights);
    return { decoder: { ...model, weights }, feeds: toFeeds(adaptation.weights) };
  }
  return { decoder: model, feeds: {} };
}

const toFeeds = (
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>,
): Record<string, Tensor> =>
  Object.fromEntries([...tensors].map(([name, { shape, data }]) => [name, floats(data, shape)]));
