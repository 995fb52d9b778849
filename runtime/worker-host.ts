import { Worker } from "node:worker_threads";
import { type ErrorCode, RagError } from "../core/index.ts";

/** What crosses to a worker: a call, or the wish that a call stop. */
export type WorkerRequest =
  | {
      readonly kind: "call";
      readonly id: number;
      readonly method: string;
      readonly parameters: unknown;
    }
  | { readonly kind: "cancel"; readonly id: number }
  /** Ends the worker as soon as nothing runs. */
  | { readonly kind: "end" };

/** What comes back: any number of events, then a result or an error. */
export type WorkerReply =
  | { readonly kind: "event"; readonly id: number; readonly event: unknown }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | { readonly kind: "error"; readonly id: number; readonly error: WireError };

/** An error as structured clone carries it. */
export interface WireError {
  readonly code: ErrorCode | "aborted";
  readonly message: string;
  readonly param?: string;
}

interface PendingCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
  readonly onEvent: (event: unknown) => void;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: (event: unknown) => void;
}

/** Longer than any single run takes. */
const END_TIMEOUT_MS = 60_000;
const TYPESCRIPT_WORKER = new URL("./typescript-worker.mjs", import.meta.url);

/**
 * Runs a module in a worker thread and calls its handlers (see `serveWorker`). Native runs block that thread only. When it dies, its
 * calls fail with engine/failed, and `onExit` is told.
 */
export class WorkerHost {
  readonly #worker: Worker;
  readonly #pending = new Map<number, PendingCall>();
  #nextId = 1;
  #isClosed = false;

  /** `module`: the worker's entry. `data`: what it can read at its start. */
  constructor(module: URL, data: unknown, onExit?: (reason: string) => void) {
    this.#worker = module.pathname.endsWith(".ts")
      ? new Worker(TYPESCRIPT_WORKER, { workerData: data, argv: [module.href] })
      : new Worker(module, { workerData: data });
    this.#worker.on("message", (reply: WorkerReply) => this.#receive(reply));
    this.#worker.on("error", (error) => this.#fail(`worker: ${error.message}`, onExit));
    this.#worker.on("exit", (code) => this.#fail(`worker: ended with code ${code}`, onExit));
    this.#worker.unref();
  }

  /**
   * Calls a handler. Parameters and results are cloned.
   * @throws RagError what the handler threw, or engine/failed when the worker died; an abort throws the signal's reason
   */
  call(method: string, parameters: unknown, options: CallOptions = {}): Promise<unknown> {
    const { signal, onEvent = () => {} } = options;
    signal?.throwIfAborted();
    if (this.#isClosed) throw new RagError("engine/failed", "worker: has ended; start again.");
    const id = this.#nextId++;
    const cancel = () => this.#send({ kind: "cancel", id });
    signal?.addEventListener("abort", cancel, { once: true });
    // A pending call keeps the process alive; an idle worker does not.
    this.#worker.ref();
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve, reject, onEvent });
      this.#send({ kind: "call", id, method, parameters });
    })
      .catch((error: unknown) => {
        signal?.throwIfAborted();
        throw error;
      })
      .finally(() => {
        signal?.removeEventListener("abort", cancel);
        if (this.#pending.size === 0) this.#worker.unref();
      });
  }

  /** It has died, or was ended. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Ends the worker; calls under way fail at once. A native run is waited for: a thread that is torn down under one takes the whole
   * process with it.
   */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const exited = new Promise<void>((resolve) => this.#worker.once("exit", () => resolve()));
    this.#fail("worker: was closed");
    this.#worker.ref();
    this.#send({ kind: "end" });
    const cut = setTimeout(() => void this.#worker.terminate(), END_TIMEOUT_MS);
    await exited;
    clearTimeout(cut);
  }

  #send(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: WorkerReply): void {
    const call = this.#pending.get(reply.id);
    if (!call) return;
    if (reply.kind === "event") {
      call.onEvent(reply.event);
      return;
    }
    this.#pending.delete(reply.id);
    if (reply.kind === "result") call.resolve(reply.result);
    else call.reject(fromWire(reply.error));
  }

  #fail(reason: string, onExit?: (reason: string) => void): void {
    const wasClosed = this.#isClosed;
    this.#isClosed = true;
    for (const [id, call] of this.#pending) {
      this.#pending.delete(id);
      call.reject(new RagError("engine/failed", `${reason}; the request was lost, try it again.`));
    }
    if (!wasClosed) onExit?.(reason);
  }
}

function fromWire({ code, message, param }: WireError): Error {
  if (code === "aborted") return new DOMException(message, "AbortError");
  return new RagError(code, message, param === undefined ? {} : { param });
}

/** The URL of a worker module beside the calling one: a .ts file in a checkout, .js in the built package. */
export function workerModule(name: string, callerUrl: string): URL {
  const extension = callerUrl.endsWith(".ts") ? ".ts" : ".js";
  return new URL(`./${name}${extension}`, callerUrl);
}
