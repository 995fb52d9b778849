import { blockLengths } from "../../generator/causal-blocks.ts";
import { engineFolder } from "../../generator/engine-options.ts";
import type { Model } from "../../generator/index.ts";
import { buildTrainingGraph, type TrainingTarget } from "../../generator/training-graph.ts";
import { openWeightLayout } from "../../generator/weight-layout.ts";
import { matMulFlops } from "../../graph/index.ts";

/** Flops of one example's step, by the products in the graph that runs. */
export async function stepFlops(
  model: Model,
  options: { readonly cacheFolder: string; readonly contextLength: number },
): Promise<{ deep: number; virtual: number; front: number }> {
  const weights = await openWeightLayout(model, {
    folder: engineFolder(model, options),
    format: "float32",
    positions: Math.min(options.contextLength, model.config.contextLength),
  });
  const count = (
    kind: "deep" | "virtual",
    past: "float16" | undefined,
    tokens: number,
    earlier: number,
  ) => {
    const target: TrainingTarget = { kind };
    const hasBlocks = past === undefined;
    const graph = buildTrainingGraph({ config: model.config, weights, target, past, hasBlocks });
    const blocks = Object.fromEntries(
      blockLengths(tokens).map((length, block) => [`T${block}`, length]),
    );
    const deep = kind === "deep" ? 16 : 0;
    return matMulFlops(graph, {
      ...blocks,
      B: 1,
      T: tokens,
      S: earlier,
      "K'": deep,
      "S+T": earlier + deep + tokens,
      R: 12,
    });
  };
  return {
    deep: count("deep", "float16", 41, 570),
    virtual: count("virtual", "float16", 57, 570),
    front: count("virtual", undefined, 627, 0),
  };
}
