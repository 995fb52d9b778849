import { RagError } from "../../core/index.ts";

/** Lets a few pieces of work run at once and some more wait; refuses the rest. */
export class WorkQueue {
  readonly #active: number;
  readonly #maxWaiting: number;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  /** `active`: how many run at once; `maxWaiting`: how many more may wait. */
  constructor(active: number, maxWaiting: number) {
    this.#active = active;
    this.#maxWaiting = maxWaiting;
  }

  /** Running and waiting. */
  get length(): number {
    return this.#running + this.#waiting.length;
  }

  /**
   * Waits for a turn. The returned function gives it back; call it once, however the work ends.
   * @throws RagError server/busy at once when too many wait; the signal's reason when aborted while waiting
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#running >= this.#active) await this.#wait(signal);
    else this.#running++;
    return () => this.#leave();
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#waiting.length >= this.#maxWaiting) {
      throw new RagError(
        "server/busy",
        `the server is working on ${this.#running} requests and ${this.#waiting.length} are waiting, which is the most it takes; try again in a moment.`,
      );
    }
    await new Promise<void>((resolve, reject) => {
      const turn = () => {
        signal.removeEventListener("abort", giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(turn), 1);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      this.#waiting.push(turn);
    });
  }

  /** Hands the turn to the one who waits longest, so that nobody overtakes. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#running--;
  }
}
