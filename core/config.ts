import { z } from "zod";
import { type ErrorCode, RagError } from "./error.ts";

/**
 * Parses something from outside with a zod schema. `source` names the file, flag or request it came from,
 * so that the message says where to look.
 * @throws RagError `code` ("config/invalid" unless said otherwise)
 */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  raw: unknown,
  source: string,
  code: ErrorCode = "config/invalid",
): z.infer<Schema> {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  throw new RagError(code, `${source}: ${z.prettifyError(result.error)}`);
}
