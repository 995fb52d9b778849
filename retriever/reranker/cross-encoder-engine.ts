import { encodeOnnx } from "../../graph/index.ts";
import { floats, integers, openWeights, Session } from "../../runtime/index.ts";
import { padded, paddingMask } from "../bert/token-batches.ts";
import { buildCrossEncoderGraph } from "./cross-encoder-graph.ts";
import type { CrossEncoderWorkerData } from "./cross-encoder-worker.ts";

/** Two texts as one sequence of token ids, the second beginning at `second`. */
export interface TokenPair {
  readonly ids: readonly number[];
  readonly second: number;
}

/** The cross-encoder's graph, ready to run in this thread. */
export class CrossEncoderEngine {
  readonly #session: Session;

  private constructor(session: Session) {
    this.#session = session;
  }

  static async open(data: CrossEncoderWorkerData): Promise<CrossEncoderEngine> {
    const { config, weightsPath, threads } = data;
    const file = openWeights(weightsPath);
    try {
      const model = encodeOnnx(buildCrossEncoderGraph(config, file));
      return new CrossEncoderEngine(await Session.create(model, threads ? { threads } : {}));
    } finally {
      file.close();
    }
  }

  /** Scores pairs of any lengths as one batch: f32 [batch]. */
  async score(batch: readonly TokenPair[]): Promise<Float32Array> {
    const rows = batch.map(({ ids }) => ids);
    const length = Math.max(...rows.map((ids) => ids.length));
    const kinds = batch.map(({ ids, second }) => ids.map((_, i) => (i < second ? 0 : 1)));
    const outputs = await this.#session.run({
      ids: integers(padded(rows, length), [batch.length, length]),
      kinds: integers(padded(kinds, length), [batch.length, length]),
      positions: integers(Array.from({ length }, (_, i) => i)),
      starts: integers(rows.map((_, row) => row * length)),
      mask: floats(paddingMask(rows, length), [batch.length, 1, 1, length]),
    });
    return outputs["score"]!.data as Float32Array;
  }
}
