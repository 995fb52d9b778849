/** A signal that is aborted when it is asked for the `count`th time: in the middle of work, always at the same place. */
export function abortedWhenAsked(count: number): AbortSignal {
  const controller = new AbortController();
  const { signal } = controller;
  const throwIfAborted = signal.throwIfAborted.bind(signal);
  let asked = 0;
  signal.throwIfAborted = () => {
    asked++;
    if (asked === count) controller.abort();
    throwIfAborted();
  };
  return signal;
}
