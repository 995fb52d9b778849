import { encodeOnnx } from "../../graph/index.ts";
import { floats, integers, openWeights, Session } from "../../runtime/index.ts";
import { padded, paddingMask } from "../bert/token-batches.ts";
import { buildBertGraph } from "./bert-graph.ts";
import type { BertWorkerData } from "./bert-worker.ts";

/** The embedder's graph, ready to run in this thread. */
export class BertEngine {
  readonly #session: Session;
  readonly #pooling: "mean" | "cls";

  private constructor(session: Session, pooling: "mean" | "cls") {
    this.#session = session;
    this.#pooling = pooling;
  }

  static async open(data: BertWorkerData): Promise<BertEngine> {
    const { config, weightsPath, pooling, precision, threads } = data;
    const file = openWeights(weightsPath);
    try {
      const model = encodeOnnx(buildBertGraph(config, file, precision));
      return new BertEngine(await Session.create(model, threads ? { threads } : {}), pooling);
    } finally {
      file.close();
    }
  }

  /** Embeds token sequences of any lengths as one batch: f32 [batch · D]. */
  async embed(batch: readonly (readonly number[])[]): Promise<Float32Array> {
    const length = Math.max(...batch.map((ids) => ids.length));
    const weights = new Float32Array(batch.length * length);
    for (const [row, sequence] of batch.entries()) {
      // The mean over the first token alone is its vector.
      const pooled = this.#pooling === "cls" ? 1 : sequence.length;
      weights.fill(1, row * length, row * length + pooled);
    }
    const outputs = await this.#session.run({
      ids: integers(padded(batch, length), [batch.length, length]),
      positions: integers(Array.from({ length }, (_, i) => i)),
      weights: floats(weights, [batch.length, length, 1]),
      mask: floats(paddingMask(batch, length), [batch.length, 1, 1, length]),
    });
    return outputs["embedding"]!.data as Float32Array;
  }
}
