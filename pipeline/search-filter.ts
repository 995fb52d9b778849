import { RagError } from "../core/index.ts";
import { type Filter, parseFilter } from "../retriever/index.ts";

const OPERATORS = { ">=": "gte", "<=": "lte", ">": "gt", "<": "lt" } as const;
type Operator = keyof typeof OPERATORS;

/**
 * Reads `--filter` flags, all of which must hold: `key=text`, `key:=json` for a number or a truth value, `key>=5` and its like, or a
 * whole filter as JSON, such as `{"or": [{"lang": "ko"}, {"year": {"gte": 2020}}]}`.
 * @throws RagError config/invalid
 */
export function parseFilters(flags: readonly string[], collection?: string): Filter | undefined {
  const filters = flags.map(parseFlag);
  if (collection !== undefined) filters.push({ collection });
  return filters.length === 0 ? undefined : { and: filters };
}

function parseFlag(flag: string): Filter {
  if (flag.trimStart().startsWith("{")) return parseFilter(json(flag, flag), "--filter");
  const [, key, sign, text] = /^([^=:<>]+)(:=|=|>=|<=|>|<)(.*)$/s.exec(flag) ?? [];
  if (key === undefined || sign === undefined || text === undefined) throw invalid(flag);
  if (key === "and" || key === "or") throw invalid(flag);
  if (sign === "=") return { [key]: text };
  if (sign === ":=") return parseFilter({ [key]: json(text, flag) }, "--filter");
  const number = Number(text);
  const bound = text.trim() !== "" && Number.isFinite(number) ? number : text;
  return { [key]: { [OPERATORS[sign as Operator]]: bound } };
}

function json(text: string, flag: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(flag, cause);
  }
}

function invalid(flag: string, cause?: unknown): RagError {
  return new RagError(
    "config/invalid",
    `--filter: expected key=text, key:=number, key>=number or a filter as JSON, found ${JSON.stringify(flag)}; for example --filter format=pdf.`,
    { cause },
  );
}
