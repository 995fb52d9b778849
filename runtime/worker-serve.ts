import { parentPort } from "node:worker_threads";
import { errorMessage, RagError } from "../core/index.ts";
import type { WireError, WorkerReply, WorkerRequest } from "./worker-host.ts";

export interface CallContext {
  readonly signal: AbortSignal;
  /** Sends an event to the caller before the result. */
  readonly emit: (event: unknown) => void;
}

type Handler = (parameters: never, context: CallContext) => Promise<unknown>;

/** A handler as it is waits its turn; one marked `concurrent` starts at once and shares the thread where it awaits. */
export type Handlers = Readonly<Record<string, Handler | { readonly concurrent: Handler }>>;

/**
 * Answers calls in a worker thread. Handlers run one after the other in the order the calls came, so that none sees another's half-done
 * state; concurrent ones beside them. A call that is cancelled while it waits never starts.
 */
export function serveWorker(handlers: Handlers): void {
  const port = parentPort;
  if (!port) throw new RagError("internal", "serveWorker: is for worker threads only");
  const running = new Map<number, AbortController>();
  const concurrent = new Set<Promise<void>>();
  let queue = Promise.resolve();
  const reply = (message: WorkerReply) => port.postMessage(message);
  port.on("message", (request: WorkerRequest) => {
    if (request.kind === "end") {
      for (const controller of running.values()) controller.abort();
      void Promise.all([queue, ...concurrent]).then(() => process.exit(0));
      return;
    }
    if (request.kind === "cancel") {
      running.get(request.id)?.abort();
      return;
    }
    const { id, method, parameters } = request;
    const controller = new AbortController();
    running.set(id, controller);
    const named = handlers[method];
    const answer = async () => {
      try {
        controller.signal.throwIfAborted();
        if (!named) throw new RagError("internal", `worker: has no method "${method}"`);
        const handler = "concurrent" in named ? named.concurrent : named;
        const emit = (event: unknown) => reply({ kind: "event", id, event });
        const result = await handler(parameters as never, { signal: controller.signal, emit });
        reply({ kind: "result", id, result });
      } catch (thrown) {
        reply({ kind: "error", id, error: toWire(thrown) });
      } finally {
        running.delete(id);
      }
    };
    if (named && "concurrent" in named) {
      const answered = answer().finally(() => concurrent.delete(answered));
      concurrent.add(answered);
    } else queue = queue.then(answer);
  });
}

function toWire(thrown: unknown): WireError {
  if (thrown instanceof RagError) {
    const { code, message, param } = thrown;
    return { code, message, ...(param === undefined ? {} : { param }) };
  }
  const isAbort = thrown instanceof DOMException && thrown.name === "AbortError";
  return { code: isAbort ? "aborted" : "internal", message: errorMessage(thrown) };
}
