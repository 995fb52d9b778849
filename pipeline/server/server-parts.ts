import type { Response } from "express";
import { type Log, RagError } from "../../core/index.ts";
import type { Answerer } from "../answerer.ts";
import type { ServerMetrics } from "./metrics.ts";
import { beginLifetime, type RequestLifetime } from "./request-lifetime.ts";
import type { ServerState } from "./server-state.ts";
import type { WorkQueue } from "./work-queue.ts";

/** What routes share. */
export interface ServerParts {
  readonly answerer: Answerer;
  readonly state: ServerState;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  /** For what the language model does. */
  readonly queue: WorkQueue;
  /** For what only the embedder does; it has a thread of its own. */
  readonly embeddingQueue: WorkQueue;
  /** The longest a request may work. */
  readonly timeoutMs: number;
}

/**
 * Does a request's work when its turn comes, and gives the turn back however the work ends. A client that went away is told nothing.
 * @throws RagError server/unavailable unless ready or when time is up, server/busy, and what the work throws
 */
export async function inTurn(
  parts: Pick<ServerParts, "state" | "timeoutMs" | "metrics">,
  queue: WorkQueue,
  response: Response,
  work: (lifetime: RequestLifetime) => Promise<void>,
): Promise<void> {
  parts.state.requireReady();
  const lifetime = beginLifetime(response, parts);
  try {
    const client = (response.locals["client"] as string | undefined) ?? "";
    const turn = await queue.enter(lifetime.signal, client);
    parts.metrics.waited(turn.waitedMs);
    try {
      await work(lifetime);
    } finally {
      turn.leave();
    }
  } catch (thrown) {
    if (lifetime.isClientGone()) return;
    const isRefused = thrown instanceof RagError && thrown.code === "server/busy";
    if (isRefused) response.setHeader("retry-after", String(queue.retryAfterSeconds));
    throw lifetime.failureOf(thrown);
  } finally {
    lifetime.end();
  }
}
