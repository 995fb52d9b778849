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
 * Does a request's work within its lifetime, which begins before anything is waited for. A client that went away is told nothing.
 * @throws RagError server/unavailable unless ready or when time is up, and what the work throws
 */
export async function inLifetime(
  parts: Pick<ServerParts, "state" | "timeoutMs">,
  response: Response,
  work: (lifetime: RequestLifetime) => Promise<void>,
): Promise<void> {
  parts.state.requireReady();
  const lifetime = beginLifetime(response, parts);
  try {
    await work(lifetime);
  } catch (thrown) {
    if (!lifetime.isClientGone()) throw lifetime.failureOf(thrown);
  } finally {
    lifetime.end();
  }
}

/**
 * Does a request's work, of which the lifetime has begun, when its turn comes, and gives the turn back however the work ends.
 * @throws RagError server/busy, the reason of the lifetime's end, and what the work throws
 */
export async function withTurn(
  { metrics }: Pick<ServerParts, "metrics">,
  queue: WorkQueue,
  request: { readonly response: Response; readonly lifetime: RequestLifetime },
  work: () => Promise<void>,
): Promise<void> {
  const { response, lifetime } = request;
  const client = (response.locals["client"] as string | undefined) ?? "";
  const turn = await queue.enter(lifetime.signal, client).catch((thrown: unknown) => {
    const isRefused = thrown instanceof RagError && thrown.code === "server/busy";
    if (isRefused) response.setHeader("retry-after", String(queue.retryAfterSeconds));
    throw thrown;
  });
  metrics.waited(turn.waitedMs);
  try {
    await work();
  } finally {
    turn.leave();
  }
}

/** Does a request's work within its lifetime, when its turn comes. @throws RagError as {@link inLifetime} and {@link withTurn} */
export const inTurn = (
  parts: Pick<ServerParts, "state" | "timeoutMs" | "metrics">,
  queue: WorkQueue,
  response: Response,
  work: (lifetime: RequestLifetime) => Promise<void>,
): Promise<void> =>
  inLifetime(parts, response, (lifetime) =>
    withTurn(parts, queue, { response, lifetime }, () => work(lifetime)),
  );
