import { RagError } from "../../core/index.ts";
import type { FieldTests, Filter, FilterValue } from "../search/filter.ts";

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
const MAX_DEPTH = 20;

/** A filter as SQL; every name and value of it is a parameter. @throws RagError config/invalid when it is nested too deeply */
export function filterCondition(filter: Filter, depth = 0): Condition {
  if (depth > MAX_DEPTH) {
    throw new RagError("config/invalid", `filter: is nested more than ${MAX_DEPTH} deep.`);
  }
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

function fieldCondition(name: string, wanted: FilterValue | FieldTests): Condition {
  const column = Object.hasOwn(COLUMNS, name) ? COLUMNS[name] : undefined;
  const field = column ?? "json_extract(d.metadata, ?)";
  const path = column ? [] : [jsonPath(name)];
  const tests: FieldTests = typeof wanted === "object" ? wanted : { eq: wanted };
  const parts: Condition[] = [];
  if (tests.eq !== undefined) {
    parts.push({ sql: `${field} = ?`, values: [...path, plain(tests.eq)] });
  }
  if (tests.in !== undefined) {
    const marks = tests.in.map(() => "?").join(", ");
    parts.push({ sql: `${field} IN (${marks})`, values: [...path, ...tests.in.map(plain)] });
  }
  for (const [test, operator] of Object.entries(COMPARISONS)) {
    const bound = tests[test as keyof typeof COMPARISONS];
    if (bound === undefined) continue;
    // SQLite puts every text after every number.
    const kind = typeof bound === "number" ? "('integer', 'real')" : "('text')";
    parts.push({
      sql: `(typeof(${field}) IN ${kind} AND ${field} ${operator} ?)`,
      values: [...path, ...path, bound],
    });
  }
  return joined(parts, "AND", "1");
}

const plain = (value: FilterValue): string | number =>
  typeof value === "boolean" ? Number(value) : value;

/** @see SQLite, JSON Functions, "Path Arguments" */
function jsonPath(name: string): string {
  if (!name.includes('"')) return `$."${name}"`;
  throw new RagError("config/invalid", `filter: a field's name cannot hold quotes: ${name}.`);
}
