/** What is opened by the first who needs it and kept for the others; a failed opening is tried again by the next. */
export class OpenedOnce<Value> {
  #opening: Promise<Value> | undefined;

  /** What was opened, or is being opened; undefined before. */
  get opening(): Promise<Value> | undefined {
    return this.#opening;
  }

  /** @throws what `open` throws */
  get(open: () => Promise<Value>): Promise<Value> {
    this.#opening ??= open().catch((thrown: unknown) => {
      this.#opening = undefined;
      throw thrown;
    });
    return this.#opening;
  }
}
