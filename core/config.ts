import type { z } from "zod";
import { type ErrorCode, RagError } from "./error.ts";
import { describeIssue } from "./issue.ts";

/** Where something came from: what to call it, or what to call one of its values (a flag's name). */
export type Source = string | ((name: string) => string);

/**
 * Parses something from outside with a zod schema. `source` names the file, flag or request it came from,
 * so that the message says where to look; it is one sentence about the first thing wrong.
 * @throws RagError `code` ("config/invalid" unless said otherwise)
 */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  raw: unknown,
  source: Source,
  code: ErrorCode = "config/invalid",
): z.infer<Schema> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const { name, problem } = describeIssue(result.error, raw, typeof source === "function");
  const advice = problem.includes("; ") ? "" : `; ${adviceFor(code)}`;
  throw new RagError(code, `${nameIn(source, name)}: ${problem}${advice}.`);
}

/** What a message calls a value of what came from `source`. */
export function nameIn(source: Source, name: string): string {
  if (typeof source === "function") return source(name);
  return name === "" ? source : `${source}: ${name}`;
}

/** A person writes settings; the rest comes from programs. */
function adviceFor(code: ErrorCode): string {
  if (code === "config/invalid") return "correct it";
  return code.endsWith("/unsupported")
    ? "this cannot be used here, take one without it"
    : "it is damaged, or not what it should be; get it again";
}
