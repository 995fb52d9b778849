import type { Usage } from "../answerer.ts";
import type { ServerMetrics, StageTimes } from "./metrics.ts";

/** Hands pieces of an answer on, and counts its first piece, its usage and its times. `started`: of the request, in milliseconds. */
export async function* countedPieces<
  Piece,
  Whole extends { readonly usage: Usage; readonly timings: StageTimes },
>(
  pieces: AsyncGenerator<Piece, Whole>,
  metrics: ServerMetrics,
  started: number,
): AsyncGenerator<Piece, Whole> {
  let isFirst = true;
  for (;;) {
    const next = await pieces.next();
    if (isFirst) metrics.firstToken(performance.now() - started);
    isFirst = false;
    if (next.done) {
      metrics.answered(next.value.usage, next.value.timings);
      return next.value;
    }
    yield next.value;
  }
}
