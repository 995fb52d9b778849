/** Wakes those who wait for something new about a job. */
export class JobChanges {
  readonly #waiting = new Map<string, Set<() => void>>();

  tell(id: string): void {
    for (const wake of this.#waiting.get(id) ?? []) wake();
  }

  /** Resolves when the job changes next, after `longestMs` in any case, and at once when `signal` ends. */
  next(id: string, longestMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(id) ?? new Set();
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        waiting.delete(wake);
        if (waiting.size === 0) this.#waiting.delete(id);
        resolve();
      };
      const timer = setTimeout(wake, longestMs);
      signal.addEventListener("abort", wake, { once: true });
      this.#waiting.set(id, waiting.add(wake));
      if (signal.aborted) wake();
    });
  }
}
