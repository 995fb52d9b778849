import { InvalidArgumentError, Option } from "commander";

const MAX_SECONDS = 86_400;

/** `--wait <seconds>` as milliseconds: how long another process that writes to the store is waited for. */
export function waitOption(): Option {
  return new Option("--wait <seconds>", "for another process that writes to the store")
    .argParser(toMilliseconds)
    .default(0, "0: refuse at once");
}

/** Commander's message names the flag. */
function toMilliseconds(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !(seconds >= 0 && seconds <= MAX_SECONDS)) {
    throw new InvalidArgumentError(`Expected seconds from 0 to ${MAX_SECONDS}.`);
  }
  return seconds * 1000;
}
