import { parentPort } from "node:worker_threads";
import { errorMessage, RagError } from "../core/index.ts";
import type { WireError, WorkerReply, WorkerRequest } from "./worker-host.ts";

export interface CallContext {
  readonly signal: AbortSignal;
  /** Sends an event to the caller before the result. */
  readonly emit: (event: unknown) => void;
}

export type Handlers = Readonly<
  Record<string, (parameters: never, context: CallContext) => Promise<unknown>>
>;

/**
 * Answers calls in a worker thread, one after the other in the order they came: a session runs one thing at a time anyway,
 * and no handler sees another's half-done state. A call that is cancelled while it waits never starts.
 */
export function serveWorker(handlers: Handlers): void {
  const port = parentPort;
  if (!port) throw new RagError("internal", "serveWorker: is for worker threads only");
  const running = new Map<number, AbortController>();
  let queue = Promise.resolve();
  const reply = (message: WorkerReply) => port.postMessage(message);
  port.on("message", (request: WorkerRequest) => {
    if (request.kind === "end") {
      for (const controller of running.values()) controller.abort();
      void queue.then(() => process.exit(0));
      return;
    }
    if (request.kind === "cancel") {
      running.get(request.id)?.abort();
      return;
    }
    const { id, method, parameters } = request;
    const controller = new AbortController();
    running.set(id, controller);
    queue = queue.then(async () => {
      try {
        controller.signal.throwIfAborted();
        const handler = handlers[method];
        if (!handler) throw new RagError("internal", `worker: has no method "${method}"`);
        const emit = (event: unknown) => reply({ kind: "event", id, event });
        const result = await handler(parameters as never, { signal: controller.signal, emit });
        reply({ kind: "result", id, result });
      } catch (thrown) {
        reply({ kind: "error", id, error: toWire(thrown) });
      } finally {
        running.delete(id);
      }
    });
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
