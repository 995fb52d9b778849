import { RagError } from "../../core/index.ts";

export interface QueueLimits {
  /** How many pieces of work run at once. */
  readonly active: number;
  /** How many more may wait. */
  readonly maxWaiting: number;
  /** How many of one client may run or wait; no limit unless given. */
  readonly perClient?: number | undefined;
}

/** A place in the queue, taken. */
export interface Turn {
  /** How long it was waited for. */
  readonly waitedMs: number;
  /** Gives the place back; however often it is called, once. */
  leave(): void;
}

interface Waiting {
  readonly client: string;
  readonly start: () => void;
}

/** Weight of the newest duration in the running mean that `Retry-After` is reckoned with. */
const NEWEST_SHARE = 0.2;
const MAX_RETRY_SECONDS = 60;

/**
 * Lets a few pieces of work run at once and some more wait; refuses the rest. Clients take turns: one with many requests waiting
 * does not keep out another with one.
 */
export class WorkQueue {
  readonly #limits: QueueLimits;
  #running = 0;
  /** In the order of their next turn; requests of one client in the order they came. */
  readonly #waiting = new Map<string, Waiting[]>();
  readonly #places = new Map<string, number>();
  #waitingCount = 0;
  #meanMs = 1000;

  constructor(limits: QueueLimits) {
    this.#limits = limits;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waitingCount;
  }

  /** Seconds after which a refused request may find a place: what is before it, at the present pace. */
  get retryAfterSeconds(): number {
    const seconds = (this.#meanMs / 1000) * ((this.#waitingCount + 1) / this.#limits.active);
    return Math.min(MAX_RETRY_SECONDS, Math.max(1, Math.ceil(seconds)));
  }

  /**
   * Waits for a turn. `client`: who asks, such as a digest of the key.
   * @throws RagError server/busy at once when too many wait; the signal's reason when aborted while waiting
   */
  async enter(signal: AbortSignal, client = ""): Promise<Turn> {
    signal.throwIfAborted();
    this.#requirePlace(client);
    this.#places.set(client, (this.#places.get(client) ?? 0) + 1);
    const asked = performance.now();
    try {
      if (this.#running >= this.#limits.active) await this.#wait(signal, client);
      else this.#running++;
    } catch (thrown) {
      this.#givePlaceBack(client);
      throw thrown;
    }
    return this.#turn(client, performance.now() - asked);
  }

  #turn(client: string, waitedMs: number): Turn {
    const started = performance.now();
    let hasLeft = false;
    return {
      waitedMs,
      leave: () => {
        if (hasLeft) return;
        hasLeft = true;
        const tookMs = performance.now() - started;
        this.#meanMs += NEWEST_SHARE * (tookMs - this.#meanMs);
        this.#givePlaceBack(client);
        this.#startNext();
      },
    };
  }

  #requirePlace(client: string): void {
    const { active, maxWaiting, perClient } = this.#limits;
    if (perClient !== undefined && (this.#places.get(client) ?? 0) >= perClient) {
      throw new RagError(
        "server/busy",
        `this client has ${perClient} requests running or waiting, which is the most one client may have; try again when one has ended.`,
      );
    }
    if (this.#running < active || this.#waitingCount < maxWaiting) return;
    throw new RagError(
      "server/busy",
      `the server is working on ${this.#running} requests and ${this.#waitingCount} are waiting, which is the most it takes; try again in ${this.retryAfterSeconds} s.`,
    );
  }

  #wait(signal: AbortSignal, client: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const line = this.#waiting.get(client) ?? [];
      const entry: Waiting = {
        client,
        start: () => {
          signal.removeEventListener("abort", giveUp);
          resolve();
        },
      };
      const giveUp = () => {
        line.splice(line.indexOf(entry), 1);
        if (line.length === 0) this.#waiting.delete(client);
        this.#waitingCount--;
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", giveUp, { once: true });
      line.push(entry);
      this.#waiting.set(client, line);
      this.#waitingCount++;
    });
  }

  /** The client whose turn it is hands in its oldest request and goes to the end of the line. */
  #startNext(): void {
    const [next] = this.#waiting;
    if (!next) {
      this.#running--;
      return;
    }
    const [client, line] = next;
    const entry = line.shift()!;
    this.#waiting.delete(client);
    if (line.length > 0) this.#waiting.set(client, line);
    this.#waitingCount--;
    entry.start();
  }

  #givePlaceBack(client: string): void {
    const left = (this.#places.get(client) ?? 1) - 1;
    if (left > 0) this.#places.set(client, left);
    else this.#places.delete(client);
  }
}
