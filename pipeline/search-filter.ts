import { RagError } from "../core/index.ts";
import type { SearchOptions } from "../retriever/index.ts";

/**
 * Reads `--filter` flags: `key=text`, or `key:=json` for a number or a truth value.
 * @throws RagError config/invalid
 */
export function parseFilters(flags: readonly string[]): NonNullable<SearchOptions["filter"]> {
  return Object.fromEntries(flags.map(parseFilter));
}

function parseFilter(flag: string): [string, string | number | boolean] {
  const match = /^([^=:]+)(:?=)(.*)$/s.exec(flag);
  const [, key, sign, text] = match ?? [];
  if (key === undefined || text === undefined) throw invalid(flag);
  if (sign === "=") return [key, text];
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") {
      return [key, value];
    }
  } catch (cause) {
    throw invalid(flag, cause);
  }
  throw invalid(flag);
}

function invalid(flag: string, cause?: unknown): RagError {
  return new RagError(
    "config/invalid",
    `--filter: expected key=text or key:=number, found ${JSON.stringify(flag)}; for example --filter format=pdf.`,
    { cause },
  );
}
