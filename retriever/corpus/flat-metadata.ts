import type { Metadata } from "./records.ts";

/** The texts, numbers and truth values in nested data, by names joined with dots: `{loc: {page: 2}}` → `{"loc.page": 2}`. Lists are left out. */
export function flatMetadata(nested: Readonly<Record<string, unknown>>): Metadata {
  return Object.fromEntries(fields(nested, ""));
}

function* fields(
  value: Readonly<Record<string, unknown>>,
  prefix: string,
): Generator<[string, Metadata[string]]> {
  for (const [key, field] of Object.entries(value)) {
    const name = `${prefix}${key}`;
    if (typeof field === "string" || typeof field === "boolean" || Number.isFinite(field)) {
      yield [name, field as Metadata[string]];
    } else if (typeof field === "object" && field !== null && !Array.isArray(field)) {
      yield* fields(field as Readonly<Record<string, unknown>>, `${name}.`);
    }
  }
}
