import { RagError } from "../../core/index.ts";
import {
  type FieldTests,
  type Filter,
  type FilterValue,
  MAX_FILTER_DEPTH,
  tooDeepFilter,
} from "../search/filter.ts";

/** A condition on a row `d` of documents, with the values of its question marks. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly (string | number)[];
}

const COLUMNS: Readonly<Record<string, string>> = {
  document: "d.id",
  source: "d.source",
  format: "d.format",
  title: "d.title",
  collection: "d.collection",
};
const COMPARISONS = { lt: "<", lte: "<=", gt: ">", gte: ">=" } as const;

/** A filter as SQL; every name and value of it is a parameter. @throws RagError config/invalid when it is nested too deeply */
export function filterCondition(filter: Filter, depth = 0): Condition {
  if (depth > MAX_FILTER_DEPTH) throw tooDeepFilter("filter");
  const inside = (filters: readonly Filter[]) =>
    filters.map((one) => filterCondition(one, depth + 1));
  const parts: Condition[] = [];
  for (const [name, wanted] of Object.entries(filter)) {
    if (wanted === undefined) continue;
    if (name === "and") parts.push(joined(inside(wanted as readonly Filter[]), "AND", "1"));
    else if (name === "or") parts.push(joined(inside(wanted as readonly Filter[]), "OR", "0"));
    else parts.push(fieldCondition(name, wanted as FilterValue | FieldTests));
  }
  return joined(parts, "AND", "1");
}

function joined(parts: readonly Condition[], operator: "AND" | "OR", none: "0" | "1"): Condition {
  if (parts.length === 0) return { sql: none, values: [] };
  return {
    sql: `(${parts.map(({ sql }) => sql).join(` ${operator} `)})`,
    values: parts.flatMap(({ values }) => values),
  };
}

/** A column or a metadata key, as SQL; each part takes `path` as its parameters. */
interface Field {
  readonly value: string;
  /** 'integer', 'real', 'text'; of metadata also 'true' and 'false', whose values are 1 and 0. */
  readonly kind: string;
  readonly path: readonly string[];
}

function fieldOf(name: string): Field {
  const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  if (column !== undefined) return { value: column, kind: `typeof(${column})`, path: [] };
  const [value, kind] = ["json_extract(d.metadata, ?)", "json_type(d.metadata, ?)"];
  return { value, kind, path: [jsonPath(name)] };
}

function fieldCondition(name: string, wanted: FilterValue | FieldTests): Condition {
  const field = fieldOf(name);
  const tests: FieldTests = typeof wanted === "object" ? wanted : { eq: wanted };
  const parts: Condition[] = [];
  if (tests.eq !== undefined) parts.push(isOneOf(field, [tests.eq]));
  if (tests.in !== undefined) parts.push(isOneOf(field, tests.in));
  const { value, kind, path } = field;
  for (const [test, operator] of Object.entries(COMPARISONS)) {
    const bound = tests[test as keyof typeof COMPARISONS];
    if (bound === undefined) continue;
    // SQLite puts every text after every number.
    const kinds = typeof bound === "number" ? "('integer', 'real')" : "('text')";
    parts.push({
      sql: `(${kind} IN ${kinds} AND ${value} ${operator} ?)`,
      values: [...path, ...path, bound],
    });
  }
  return joined(parts, "AND", "1");
}

function isOneOf({ value, kind, path }: Field, wanted: readonly FilterValue[]): Condition {
  const truths = wanted.filter((one) => typeof one === "boolean");
  const others = wanted.filter((one) => typeof one !== "boolean");
  const parts: Condition[] = [];
  if (others.length > 0) {
    parts.push({
      sql: `(${value} IN (${marks(others)}) AND ${kind} NOT IN ('true', 'false'))`,
      values: [...path, ...others, ...path],
    });
  }
  if (truths.length > 0) {
    parts.push({
      sql: `${kind} IN (${marks(truths)})`,
      values: [...path, ...truths.map(String)],
    });
  }
  return joined(parts, "OR", "0");
}

const marks = (values: readonly unknown[]): string => values.map(() => "?").join(", ");

/** @see SQLite, JSON Functions, "Path Arguments" */
function jsonPath(name: string): string {
  // What JSON escapes in a key it escapes in a path.
  if (!name.includes('"')) return `$.${JSON.stringify(name)}`;
  throw new RagError("config/invalid", `filter: a field's name cannot hold quotes: ${name}.`);
}
