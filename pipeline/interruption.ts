import { EXIT } from "./exit-codes.ts";

/** The signals a command ends for. */
export type EndSignal = "SIGINT" | "SIGTERM";

/** The part of the process that is listened to. */
export interface SignalSource {
  on(event: EndSignal, listener: () => void): unknown;
  off(event: EndSignal, listener: () => void): unknown;
  exit(code: number): never;
}

/** Turns Ctrl-C and a polite kill into an abort. */
export interface Interruption {
  readonly signal: AbortSignal;
  /** Which signal came. */
  readonly by: EndSignal | undefined;
  /** Stops listening. */
  release(): void;
}

/** The first signal aborts, so that files are closed and temporary ones removed; the second ends the process at once. */
export function listenForInterruption(source: SignalSource, onFirst: () => void): Interruption {
  const controller = new AbortController();
  let by: EndSignal | undefined;
  const listener = (name: EndSignal) => () => {
    if (by !== undefined) source.exit(EXIT.interrupted);
    by = name;
    onFirst();
    controller.abort();
  };
  const listeners: [EndSignal, () => void][] = [
    ["SIGINT", listener("SIGINT")],
    ["SIGTERM", listener("SIGTERM")],
  ];
  for (const [name, listen] of listeners) source.on(name, listen);
  return {
    signal: controller.signal,
    get by() {
      return by;
    },
    release: () => {
      for (const [name, listen] of listeners) source.off(name, listen);
    },
  };
}
