import { workerData } from "node:worker_threads";
import { RagError } from "../../core/index.ts";
import { serveWorker } from "../../runtime/index.ts";
import type { BertConfig } from "../bert/bert-config.ts";
import { CrossEncoderEngine, type TokenPair } from "./cross-encoder-engine.ts";

/** What the cross-encoder hands to its worker at the start. */
export interface CrossEncoderWorkerData {
  readonly config: BertConfig;
  readonly weightsPath: string;
  readonly threads?: number;
}

const data = workerData as CrossEncoderWorkerData;
let engine: CrossEncoderEngine | undefined;

serveWorker({
  open: async () => {
    engine = await CrossEncoderEngine.open(data);
  },
  score: async (batch: readonly TokenPair[]) => {
    if (!engine) throw new RagError("internal", "reranker worker: was called before it was opened");
    return engine.score(batch);
  },
});
