import type { DenseTensor } from "../runtime/index.ts";
import { contextLengthOf, type EngineOptions, engineFolder } from "./engine-options.ts";
import type { DecoderSource } from "./model.ts";
import { openWeightLayout } from "./weight-layout.ts";

/**
 * Every weight of a model as f32, by its name in the layout.
 * @throws RagError model/invalid, file/write-failed; the signal's reason when aborted
 */
export async function readTrainableWeights(
  model: DecoderSource,
  options: EngineOptions,
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, DenseTensor>> {
  const folder = engineFolder(model, options);
  const layout = await openWeightLayout(model, {
    folder,
    format: "float32",
    positions: contextLengthOf(model.config, options),
    signal,
  });
  const weights = new Map<string, DenseTensor>();
  for (const name of layout.trainableNames) {
    signal?.throwIfAborted();
    weights.set(name, { shape: layout.shapeOf(name), data: await layout.read(name, folder) });
  }
  return weights;
}
