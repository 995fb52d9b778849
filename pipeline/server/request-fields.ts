import { z } from "zod";
import { RagError } from "../../core/index.ts";

/** Bounds of what one request may hold. */
export const MAX_MESSAGES = 1000;
export const MAX_CHARACTERS = 1_000_000;
const MAX_STOPS = 4;
const MAX_STOP_CHARACTERS = 500;
const MAX_CHOICES = 8;
/** Alternatives a client can ask for at each token. */
export const MAX_TOP_LOG_PROBABILITIES = 20;

const stopText = z.string().max(MAX_STOP_CHARACTERS);
export const modelField = z.string().min(1).max(256);
export const tokenLimit = z.int().min(0).max(1_000_000).nullish();

/** Fields that chat and text completions share. */
export const samplingFields = {
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  stop: z.union([stopText, z.array(stopText).max(MAX_STOPS)]).nullish(),
  seed: z.int().nullish(),
  n: z.int().min(1).max(MAX_CHOICES).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
};

type SamplingFields = z.infer<z.ZodObject<typeof samplingFields>>;

/** How a request wants its tokens chosen and sent. */
export interface SamplingRequest {
  /** 0 unless asked for: answers from documents should not vary. */
  readonly temperature: number;
  readonly topP: number;
  readonly stop: readonly string[];
  readonly seed: number | undefined;
  readonly choices: number;
  readonly isStream: boolean;
  readonly includesUsage: boolean;
}

export function samplingOf(fields: SamplingFields): SamplingRequest {
  return {
    temperature: fields.temperature ?? 0,
    topP: fields.top_p ?? 1,
    stop: [fields.stop ?? []].flat().filter((text) => text !== ""),
    seed: fields.seed ?? undefined,
    choices: fields.n ?? 1,
    isStream: fields.stream ?? false,
    includesUsage: fields.stream_options?.include_usage ?? false,
  };
}

/**
 * Checks a body against its schema.
 * @throws RagError request/invalid with the field as `param`
 */
export function parseBody<Schema extends z.ZodType>(
  schema: Schema,
  body: unknown,
): z.infer<Schema> {
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

/** By field: whether a value asks for something; an empty list asks for nothing. */
export type UnsupportedFields = Readonly<Record<string, (value: unknown) => boolean>>;

/**
 * Refuses fields that would change the answer in a way this server cannot.
 * @throws RagError request/unsupported with the field as `param`
 */
export function refuseUnsupported(body: unknown, fields: UnsupportedFields): void {
  if (typeof body !== "object" || body === null) return;
  for (const [param, isUsed] of Object.entries(fields)) {
    const value = Object.hasOwn(body, param) ? (body as Record<string, unknown>)[param] : undefined;
    if (value === undefined || value === null || !isUsed(value)) continue;
    throw new RagError(
      "request/unsupported",
      `${param}: is not supported by this server; leave it out.`,
      { param },
    );
  }
}

/** For {@link UnsupportedFields}: an empty list or object is harmless. */
export const hasEntries = (value: unknown): boolean =>
  typeof value !== "object" || Object.keys(value as object).length > 0;
