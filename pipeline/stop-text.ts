/** Cuts a stream of text before the first stop text, also when that is spread over several pieces. */
export interface StopText {
  /** Text that can be shown: nothing of it can be the beginning of a stop text. */
  push(piece: string): string;
  /** What was held back, once no more comes. */
  end(): string;
  /** Whether a stop text was met; nothing more is shown then. */
  readonly isStopped: boolean;
}

/** `stops`: none is empty. */
export function createStopText(stops: readonly string[]): StopText {
  let held = "";
  let isStopped = false;
  return {
    push: (piece) => {
      if (isStopped) return "";
      held += piece;
      const found = stops.map((stop) => held.indexOf(stop)).filter((index) => index >= 0);
      if (found.length > 0) {
        isStopped = true;
        const shown = held.slice(0, Math.min(...found));
        held = "";
        return shown;
      }
      const keep = longestBeginning(held, stops);
      const shown = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return shown;
    },
    end: () => {
      const rest = held;
      held = "";
      return rest;
    },
    get isStopped() {
      return isStopped;
    },
  };
}

/** How many characters at the end of `text` may be the beginning of a stop text. */
function longestBeginning(text: string, stops: readonly string[]): number {
  let longest = 0;
  for (const stop of stops) {
    for (let length = Math.min(stop.length - 1, text.length); length > longest; length--) {
      if (text.endsWith(stop.slice(0, length))) longest = length;
    }
  }
  return longest;
}
