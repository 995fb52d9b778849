import type { Metadata } from "../retriever/index.ts";

const MAX_KEYS = 64;
const MAX_CHARACTERS = 1000;

/**
 * What is kept of the facts that a file or loader tells about a document: the first 64 texts (of at most 1,000 characters), numbers and truth
 * values; half a character becomes the sign for a broken one. Names that begin with "$" are Foreword's own: one of them marks documents of programs.
 */
export function storedMetadata(facts: Iterable<readonly [name: string, value: unknown]>): Metadata {
  const kept = [...facts].filter(([name, value]) => !name.startsWith("$") && isKept(value));
  return Object.fromEntries(
    kept
      .slice(0, MAX_KEYS)
      .map(([name, value]) => [
        name.toWellFormed(),
        typeof value === "string" ? value.toWellFormed() : value,
      ]),
  ) as Metadata;
}

const isKept = (value: unknown): boolean =>
  typeof value === "number" ||
  typeof value === "boolean" ||
  (typeof value === "string" && value.length <= MAX_CHARACTERS);
