import type { z } from "zod";
import { RagError } from "../../core/index.ts";

/** Bounds of what one request may hold. */
export const MAX_MESSAGES = 1000;
/** As many as a body has: what is too long for the model is told so, with the numbers of its tokens. */
export const MAX_CHARACTERS = 4 * 2 ** 20;

/**
 * Checks a body against its schema.
 * @throws RagError request/invalid with the field as `param`
 */
export function parseBody<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
): z.infer<Schema> {
  if (body === undefined) {
    throw new RagError(
      "request/invalid",
      'body: there is no JSON; send an object, with the header "content-type: application/json".',
    );
  }
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  throw invalidRequest(result.error);
}

/** The first thing wrong, as one sentence with the field's path. */
function invalidRequest(error: z.ZodError): RagError {
  const issue = error.issues[0]!;
  const path = issue.path
    .map((key) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`))
    .join("")
    .replace(/^\./, "")
    .slice(0, 200);
  return new RagError("request/invalid", `${path || "body"}: ${issue.message.slice(0, 500)}.`, {
    ...(path === "" ? {} : { param: path }),
  });
}

/** By field: whether a value asks for something in this body; an empty list asks for nothing. */
export type UnsupportedFields = Readonly<
  Record<string, (value: unknown, body: Readonly<Record<string, unknown>>) => boolean>
>;

/**
 * Refuses fields that would change the answer in a way this server cannot.
 * @throws RagError request/unsupported with the field as `param`
 */
export function refuseUnsupported(body: unknown, fields: UnsupportedFields): void {
  if (typeof body !== "object" || body === null) return;
  const sent = body as Readonly<Record<string, unknown>>;
  for (const [param, isUsed] of Object.entries(fields)) {
    const value = Object.hasOwn(body, param) ? sent[param] : undefined;
    if (value === undefined || value === null || !isUsed(value, sent)) continue;
    throw new RagError(
      "request/unsupported",
      `${param}: is not supported by this server; leave it out.`,
      { param },
    );
  }
}

/** For {@link UnsupportedFields}: an empty list or object is harmless. */
export const hasEntries = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.length > 0
    : typeof value !== "object" || Object.keys(value as object).length > 0;
