/** How fast an epoch goes, and how long the rest of a training will take: passages are read when they are new, learning goes on at one pace. */
export class EpochClock {
  readonly #now: () => number;
  readonly #started: number;
  #examples = 0;
  #passageSeconds = 0;

  /** `now`: milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#started = now();
  }

  /** Since it was made. */
  get seconds(): number {
    return (this.#now() - this.#started) / 1000;
  }

  /** Passages' reading included. */
  get examplesPerSecond(): number {
    return this.#examples / this.seconds;
  }

  /** Examples of one step, and the part of its time that passages took. */
  add(examples: number, passageSeconds: number): void {
    this.#examples += examples;
    this.#passageSeconds += passageSeconds;
  }

  /** Seconds for so many examples with new passages, and so many with known ones. */
  secondsFor({ fresh, known }: { readonly fresh: number; readonly known: number }): number {
    const reading = this.#passageSeconds / this.#examples;
    const each = this.seconds / this.#examples;
    return fresh * each + known * (each - reading);
  }
}
