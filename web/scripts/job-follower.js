import { getJson, isPassing, jobEvents } from "./api.js";

/** Between two looks at the jobs that wait for their turn. */
const LOOK_MS = 2000;
/** Before the server is asked again after it could not be reached: at first, and at most. */
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

/** @typedef {{ onEvent: (event: any) => void, onCutOff: () => void }} JobListener */

/**
 * Follows the jobs of a view. Only the one that runs is streamed: a stream keeps one of the six connections that a browser has to a server for
 * all its tabs. The others are looked for in the list of jobs.
 */
export class JobFollower {
  /** @type {Promise<any[]> | undefined} */
  #looking;
  #signal;

  /** @param {AbortSignal} signal of the view */
  constructor(signal) {
    this.#signal = signal;
  }

  /**
   * Tells what a job told and tells, until it is over, however often the server goes away meanwhile; then all is told from the beginning.
   * @param {string} id
   * @param {JobListener} listener
   * @param {AbortSignal} [signal]
   * @returns {Promise<any>} the job with its result
   * @throws ApiError where the server knows no such job
   */
  async follow(id, listener, signal = this.#signal) {
    let mostTold = 0;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      let told = 0;
      try {
        await this.#turnOf(id, listener, signal);
        for await (const event of jobEvents(id, signal)) {
          told += 1;
          listener.onEvent(event);
        }
        const job = await getJson(`/api/jobs/${id}`, signal);
        if (isOver(job.state)) return job;
      } catch (thrown) {
        if (!isPassing(thrown)) throw thrown;
        listener.onCutOff();
      }
      if (told > mostTold) pauseMs = FIRST_PAUSE_MS;
      mostTold = Math.max(told, mostTold);
      await pause(pauseMs, signal);
    }
  }

  /**
   * Ends when the job no longer waits for its turn.
   * @param {string} id
   * @param {JobListener} listener
   * @param {AbortSignal} signal
   */
  async #turnOf(id, listener, signal) {
    let { state } = await this.#find(id);
    if (state === "waiting") listener.onEvent({ event: "state", state });
    while (state === "waiting") {
      await pause(LOOK_MS, signal);
      ({ state } = await this.#find(id));
    }
  }

  /** @param {string} id */
  async #find(id) {
    // Those that look at the same time look together.
    this.#looking ??= this.#look();
    const job = (await this.#looking).find((one) => one.id === id);
    if (job) return job;
    // A server knows its jobs when it is ready, and refuses to tell its status before.
    await getJson("/api/status", this.#signal);
    return getJson(`/api/jobs/${id}`, this.#signal);
  }

  async #look() {
    try {
      return (await getJson("/api/jobs", this.#signal)).jobs;
    } finally {
      this.#looking = undefined;
    }
  }
}

/** @param {string} state */
const isOver = (state) => state === "done" || state === "failed" || state === "stopped";

/** @param {number} ms @param {AbortSignal} signal */
async function pause(ms, signal) {
  signal.throwIfAborted();
  await new Promise((resolve) => {
    const timer = setTimeout(end, ms);
    function end() {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve(undefined);
    }
    signal.addEventListener("abort", end);
  });
  signal.throwIfAborted();
}
