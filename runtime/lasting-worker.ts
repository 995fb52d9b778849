import { onnxRuntime } from "./onnx-runtime.ts";
import { type CallOptions, WorkerHost } from "./worker-host.ts";

/**
 * A worker that is replaced when its thread dies: calls under way fail with engine/failed, a new thread starts at once, and later calls
 * wait until it is open. Its module answers "open" (see `serveWorker`).
 */
export class LastingWorker {
  readonly #module: URL;
  readonly #data: unknown;
  #current: Promise<WorkerHost>;
  #isClosed = false;
  #starts = 0;

  private constructor(module: URL, data: unknown, signal: AbortSignal | undefined) {
    this.#module = module;
    this.#data = data;
    this.#current = this.#start(signal);
  }

  /** @throws RagError engine/failed without ONNX Runtime; what the module's "open" threw; the signal's reason */
  static async open(module: URL, data: unknown, signal?: AbortSignal): Promise<LastingWorker> {
    // The process keeps its native part, so that it is not unloaded when the first of the threads ends.
    onnxRuntime();
    const lasting = new LastingWorker(module, data, signal);
    await lasting.#current;
    return lasting;
  }

  /** Ended for good. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Threads started so far: what was told to an earlier one is lost. */
  get starts(): number {
    return this.#starts;
  }

  /** {@link WorkerHost.call}, on the thread that is alive. */
  async call(method: string, parameters: unknown, options: CallOptions = {}): Promise<unknown> {
    return (await this.#living()).call(method, parameters, options);
  }

  /** Ends the thread for good; calls under way fail. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const host = await this.#current.catch(() => undefined);
    await host?.close();
  }

  /** The thread; a replacement that could not be opened is tried again by the next call. */
  async #living(): Promise<WorkerHost> {
    const tried = this.#current;
    const host = await tried.catch(() => undefined);
    if (this.#isClosed || (host && !host.isClosed)) return host ?? tried;
    if (this.#current === tried) this.#current = this.#start();
    return this.#current;
  }

  async #start(signal?: AbortSignal): Promise<WorkerHost> {
    this.#starts++;
    const host = new WorkerHost(this.#module, this.#data, () => this.#replace());
    try {
      await host.call("open", undefined, { signal });
      return host;
    } catch (thrown) {
      await host.close();
      throw thrown;
    }
  }

  /** A thread died. One that dies while it opens is left to the next call, so that this ends. */
  #replace(): void {
    const dead = this.#current;
    const startAgain = () => {
      if (this.#current !== dead || this.#isClosed) return;
      this.#current = this.#start();
      // A failure is thrown to the next call, which tries once more.
      this.#current.catch(() => undefined);
    };
    dead.then(startAgain, () => undefined);
  }
}
