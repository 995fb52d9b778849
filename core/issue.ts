import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** The first thing wrong with a value from outside. */
export interface DescribedIssue {
  /** Where in the value, such as `arms[0].name`; "" for the whole. */
  readonly name: string;
  /** What was expected and what was found. */
  readonly problem: string;
  /** What was expected alone. */
  readonly expected: string;
}

const MAX_NAME = 100;
const MAX_FOUND = 60;

/**
 * One sentence of the first thing wrong. Text that was found is told with `showsText` only (a person just typed it): that of a file may be
 * a document's, or a key.
 */
export function describeIssue(error: z.ZodError, raw: unknown, showsText: boolean): DescribedIssue {
  const issue = deepest(error.issues[0]!);
  const name = nameOf(issue.path);
  if (issue.code === "unrecognized_keys") {
    const problem = `there is no ${JSON.stringify(issue.keys[0]!.slice(0, MAX_NAME))}`;
    return { name, problem, expected: problem };
  }
  const expected = expectation(issue);
  // A message of our own says it all.
  if (!expected.startsWith("expected ")) return { name, problem: expected, expected };
  const found = shown(valueAt(raw, issue.path), showsText);
  return { name, problem: `${expected}, found ${found}`, expected };
}

/** Of the ways a value could have been right, the one that it follows furthest. */
function deepest(issue: Issue): Issue {
  if (issue.code !== "invalid_union") return issue;
  const [first] = issue.errors
    .flatMap(([own]) => (own ? [deepest(own)] : []))
    .sort((a, b) => b.path.length - a.path.length);
  if (!first || first.path.length === 0) return issue;
  return { ...first, path: [...issue.path, ...first.path] };
}

/** "expected …", in words for people. */
function expectation(issue: Issue): string {
  if (issue.code === "invalid_union" && issue.message === "Invalid input") {
    const ways = issue.errors.flatMap(([own]) => (own ? [expectation(deepest(own))] : []));
    return `expected ${[...new Set(ways)].map((way) => way.replace(/^expected /, "")).join(" or ")}`;
  }
  const expected = issue.message
    .replace(/^(?:Invalid \w+(?: value)?|Too \w+)[:.] /, "")
    .replace(/, received .*$/s, "")
    .replace(/^Expected/, "expected")
    .replaceAll(/(["']) ?\| ?(["'])/g, "$1, $2")
    .replace(/^expected (['"][^,]*,)/, "expected one of $1")
    .replace(/\b(?:number|int) to be >=/, "at least ")
    .replace(/\b(?:number|int) to be <=/, "at most ")
    .replace(/\b(?:number|int) to be >/, "more than ")
    .replace(/\b(?:number|int) to be </, "less than ")
    .replace(/to have >=(\d+)/, "of at least $1")
    .replace(/to have <=(\d+)/, "of at most $1")
    .replace(/\b1 (character|item)s/, "1 $1")
    .replace("expected int", "expected a whole number")
    .replace("expected array", "expected a list")
    .replace("expected string", "expected a text")
    .replace("expected number", "expected a number")
    .replace("expected object", "expected an object")
    .replace("expected boolean", "expected true or false")
    .replace("expected never", "expected nothing");
  return /^(?:Invalid|Too|Unrecognized) /.test(expected)
    ? `expected another value (${expected})`
    : expected;
}

function nameOf(path: readonly PropertyKey[]): string {
  const keys = path.map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`));
  return keys.join("").replace(/^\./, "").slice(0, MAX_NAME);
}

function valueAt(raw: unknown, path: readonly PropertyKey[]): unknown {
  let value = raw;
  for (const key of path) {
    value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  }
  return value;
}

function shown(value: unknown, showsText: boolean): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") {
    return showsText ? JSON.stringify(value.slice(0, MAX_FOUND)) : "another text";
  }
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}
