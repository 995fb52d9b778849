import type { Usage } from "../answerer.ts";
import type { ServerMetrics, StageTimes } from "./metrics.ts";

/** Hands pieces of an answer on, tells of each that one came, and counts the answer's usage and its times. */
export async function* countedPieces<
  Piece,
  Whole extends { readonly usage: Usage; readonly timings: StageTimes },
>(
  pieces: AsyncGenerator<Piece, Whole>,
  metrics: ServerMetrics,
  onPiece: () => void,
): AsyncGenerator<Piece, Whole> {
  for (;;) {
    const next = await pieces.next();
    if (next.done) {
      metrics.answered(next.value.usage, next.value.timings);
      return next.value;
    }
    onPiece();
    yield next.value;
  }
}
