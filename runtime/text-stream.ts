import type { DecodeOptions, Tokenizer } from "./tokenizer.ts";

/** Turns ids into text one by one. All pieces together are the text of all ids. */
export interface TextStream {
  /** Text that became certain with this id; "" while a character is incomplete. */
  push(id: number): string;
  /** What was held back; call once, after the last id. */
  end(): string;
}

/** A character has at most 4 bytes, so at most 4 byte tokens; bytes that never become one are not held for ever. */
const MAX_HELD_IDS = 8;
const REPLACEMENT = "\ufffd";

/** A stream for showing generated text while it is generated: only whole UTF-8 characters come out. */
export function createTextStream(tokenizer: Tokenizer, options: DecodeOptions = {}): TextStream {
  // Decoding depends on what stands before (spaces between word pieces), so the ids shown last are decoded again
  // together with the new ones, and only the difference is given out.
  let shown: number[] = [];
  let held: number[] = [];
  const flush = (isLast: boolean): string => {
    const before = tokenizer.decode(shown, options);
    const text = tokenizer.decode([...shown, ...held], options);
    if (!isLast && text.endsWith(REPLACEMENT) && held.length < MAX_HELD_IDS) return "";
    const piece = text.slice(before.length);
    if (piece !== "") shown = held;
    else shown.push(...held);
    held = [];
    return piece;
  };
  return {
    push: (id) => {
      held.push(id);
      return flush(false);
    },
    end: () => flush(true),
  };
}
