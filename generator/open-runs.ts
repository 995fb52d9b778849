import { Graph } from "../graph/index.ts";
import { adaptGraph } from "./adaptation.ts";
import { compileGraph } from "./compiled-graphs.ts";
import { DecoderRuns } from "./decoder-runs.ts";
import { contextLengthOf, type EngineOptions, engineFolder } from "./engine-options.ts";
import { buildInferenceGraph } from "./inference-graph.ts";
import type { DecoderSource } from "./model.ts";
import { openWeightLayout } from "./weight-layout.ts";

/**
 * Prepares a model's serving weights (once per model) and compiles its inference graph. `observesAttention`: for {@link
 * DecoderRuns.attention}.
 * @throws RagError model/invalid, engine/failed, file/write-failed; the signal's reason when aborted
 */
export async function openRuns(
  model: DecoderSource,
  options: EngineOptions & { readonly observesAttention?: boolean },
  signal?: AbortSignal,
): Promise<DecoderRuns> {
  const { exact = false, observesAttention = false } = options;
  const folder = engineFolder(model, options);
  const weights = await openWeightLayout(model, {
    folder,
    format: options.weights ?? "packed",
    positions: contextLengthOf(model.config, options),
    signal,
  });
  signal?.throwIfAborted();
  const graph = new Graph();
  const adapted = adaptGraph(graph, { config: model.config, weights }, options.adaptation);
  buildInferenceGraph({ ...adapted.decoder, exact, observesAttention }, graph);
  const session = await compileGraph(graph, folder, options);
  session.bind(adapted.feeds);
  return new DecoderRuns(model.config, session);
}
