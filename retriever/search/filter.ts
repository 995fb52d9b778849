import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";

export type FilterValue = string | number | boolean;

/** Tests of one field; all of them must hold. `lt` and its like compare numbers with numbers and texts with texts. */
export interface FieldTests {
  readonly eq?: FilterValue | undefined;
  readonly in?: readonly FilterValue[] | undefined;
  readonly lt?: string | number | undefined;
  readonly lte?: string | number | undefined;
  readonly gt?: string | number | undefined;
  readonly gte?: string | number | undefined;
}

/**
 * Which documents are searched: `{format: "pdf"}`, `{year: {gte: 2020, lt: 2024}}`, `{or: [{lang: "ko"}, {lang: {in: ["en", "de"]}}]}`.
 * Fields are `source`, `format`, `title`, `collection`, `document` (the id) or a key of the document's metadata; all must match.
 */
export interface Filter {
  readonly and?: readonly Filter[];
  readonly or?: readonly Filter[];
  readonly [field: string]: FilterValue | FieldTests | readonly Filter[] | undefined;
}

/** How many times `and` and `or` may hold one another. */
export const MAX_FILTER_DEPTH = 20;
const MAX_TERMS = 500;
const MAX_TEXT = 4096;
const value = z.union([z.string().max(MAX_TEXT), z.number(), z.boolean()]);
const ordered = z.union([z.string().max(MAX_TEXT), z.number()]);
const testsOfField = z.strictObject({
  eq: value.optional(),
  in: z.array(value).max(MAX_TERMS).optional(),
  lt: ordered.optional(),
  lte: ordered.optional(),
  gt: ordered.optional(),
  gte: ordered.optional(),
});
const tests = testsOfField.refine(
  (given) => Object.values(given).some((test) => test !== undefined),
  `expected one of ${Object.keys(testsOfField.shape).join(", ")}`,
);
const filter: z.ZodType<Filter> = z.lazy(() =>
  z
    .object({ and: z.array(filter).max(MAX_TERMS), or: z.array(filter).max(MAX_TERMS) })
    .partial()
    .catchall(z.union([value, tests])),
) as unknown as z.ZodType<Filter>;

/** Checks a filter from outside. `source` names where it came from. @throws RagError config/invalid */
export function parseFilter(raw: unknown, source: string): Filter {
  requireShallow(raw, source);
  return parseWith(filter, raw, source);
}

export const tooDeepFilter = (source: string): RagError =>
  new RagError(
    "config/invalid",
    `${source}: is nested more than ${MAX_FILTER_DEPTH} deep; ask for less at once.`,
  );

/** Before the schema, which calls itself for each level. */
function requireShallow(raw: unknown, source: string): void {
  let level = [raw];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_FILTER_DEPTH) throw tooDeepFilter(source);
    level = level.flatMap(filtersIn);
  }
}

function filtersIn(raw: unknown): unknown[] {
  if (typeof raw !== "object" || raw === null) return [];
  const { and, or } = raw as { readonly and?: unknown; readonly or?: unknown };
  return [and, or].flatMap((one) => (Array.isArray(one) ? one : []));
}
