/** Lets messages (a cancellation, another request) in: a run blocks the thread. */
export const yieldToMessages = () => new Promise<void>((resolve) => setImmediate(resolve));
