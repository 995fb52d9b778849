import type { LastingWorker } from "../../runtime/index.ts";

/** Threads that a worker makes good use of; with more, small batches wait for one another. */
const THREADS_PER_WORKER = 2;
/** Each has a copy of the weights, as its processor reads them. */
const MOST_WORKERS = 4;

/** How many workers share so many threads, and how many threads each has. */
export function shareThreads(threads: number): {
  readonly workers: number;
  readonly threadsEach: number;
} {
  const wanted = Math.floor(threads / THREADS_PER_WORKER);
  const workers = Math.max(1, Math.min(MOST_WORKERS, wanted));
  return { workers, threadsEach: Math.max(1, Math.floor(threads / workers)) };
}

type OpenWorker = (signal: AbortSignal) => Promise<LastingWorker>;

/** Workers with the same weights, each opened when there is work for it, for all who wait for it: an abort ends only the waiting of whose signal it is. */
export class WorkerPool {
  readonly #size: number;
  readonly #openWorker: OpenWorker;
  readonly #workers: (Promise<LastingWorker> | undefined)[] = [];
  #closing = new AbortController();

  constructor(size: number, openWorker: OpenWorker) {
    this.#size = size;
    this.#openWorker = openWorker;
  }

  /** Opens the first worker. @throws what opening throws, the signal's reason */
  async open(signal?: AbortSignal): Promise<void> {
    await this.#opened(0, signal);
  }

  /** Does `work` for each item, on as many workers as there are items for; after a failure no more are begun. */
  async forEach<Item>(
    items: Iterable<Item>,
    work: (worker: LastingWorker, item: Item) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const pending = [...items];
    const count = Math.min(this.#size, pending.length);
    const takeTurns = async (index: number) => {
      const worker = await this.#opened(index, signal);
      for (;;) {
        const item = pending.shift();
        if (item === undefined) return;
        await work(worker, item);
      }
    };
    const turns = Array.from({ length: count }, (_, index) =>
      takeTurns(index).catch((thrown: unknown) => {
        pending.length = 0;
        throw thrown;
      }),
    );
    await Promise.allSettled(turns);
    await Promise.all(turns);
  }

  /** Also gives up what is being opened. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#closing = new AbortController();
    for (const opening of this.#workers.splice(0)) {
      const worker = await opening?.catch(() => undefined);
      await worker?.close();
    }
  }

  /** A worker that could not be opened is tried again by the next call. */
  #opened(index: number, signal: AbortSignal | undefined): Promise<LastingWorker> {
    this.#workers[index] ??= this.#open(index);
    const opening = this.#workers[index];
    return signal ? unlessAborted(opening, signal) : opening;
  }

  async #open(index: number): Promise<LastingWorker> {
    const { signal } = this.#closing;
    try {
      return await this.#openWorker(signal);
    } catch (thrown) {
      // After closing another may be in its place.
      if (!signal.aborted) this.#workers[index] = undefined;
      throw thrown;
    }
  }
}

/** What `work` comes to, unless the signal is given before. */
async function unlessAborted<Result>(work: Promise<Result>, signal: AbortSignal): Promise<Result> {
  let onAbort!: () => void;
  const abort = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
  });
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([abort, work]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
