import { workerData } from "node:worker_threads";
import { RagError } from "../../core/index.ts";
import { serveWorker } from "../../runtime/index.ts";
import type { BertConfig, Precision } from "../bert/bert-config.ts";
import { BertEngine } from "./bert-engine.ts";

/** What the embedder hands to its worker at the start. */
export interface BertWorkerData {
  readonly config: BertConfig;
  readonly weightsPath: string;
  readonly pooling: "mean" | "cls";
  readonly precision: Precision;
  readonly threads?: number;
}

const data = workerData as BertWorkerData;
let engine: BertEngine | undefined;

serveWorker({
  open: async () => {
    engine = await BertEngine.open(data);
  },
  embed: async (batch: readonly (readonly number[])[]) => {
    if (!engine) throw new RagError("internal", "embedder worker: was called before it was opened");
    return engine.embed(batch);
  },
});
