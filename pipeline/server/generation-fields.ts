import { z } from "zod";
import type { Sampling } from "../../generator/index.ts";
import {
  hasEntries,
  parseBody,
  refuseUnsupported,
  type UnsupportedFields,
} from "./request-fields.ts";

/** OpenAI takes four; lm-eval sends as many as a task has. */
const MAX_STOPS = 32;
const MAX_STOP_CHARACTERS = 500;
const MAX_CHOICES = 8;
/** Alternatives a client can ask for at each token. */
export const MAX_TOP_LOG_PROBABILITIES = 20;

const CHOICES = { error: `expected a whole number from 1 to ${MAX_CHOICES}` };

const penalty = z.number().min(-2).max(2).nullish();
const stopText = z.string().max(MAX_STOP_CHARACTERS);
export const tokenLimit = z.int().min(0).max(1_000_000).nullish();

/** Fields that chat and text completions share. */
export const generationFields = {
  model: z.string().min(1).max(256),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  stop: z
    .union([stopText, z.array(stopText).max(MAX_STOPS)], {
      error: `expected a text, or a list of at most ${MAX_STOPS}, of at most ${MAX_STOP_CHARACTERS} characters each`,
    })
    .nullish(),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  seed: z.int().nullish(),
  n: z.int(CHOICES).min(1, CHOICES).max(MAX_CHOICES, CHOICES).nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
};

/** OpenAI's fields that change any answer; clients send some of them at the values that change nothing. */
export const UNSUPPORTED_FIELDS: UnsupportedFields = {
  tools: hasEntries,
  tool_choice: (value) => value !== "none" && value !== "auto",
  functions: hasEntries,
  function_call: (value) => value !== "none" && value !== "auto",
  response_format: (value) => (value as { readonly type?: unknown }).type !== "text",
  logit_bias: hasEntries,
  // As many as are answered are not the best of more.
  best_of: (value, { n }) => value !== 1 && value !== n,
};

type GenerationFields = z.infer<z.ZodObject<typeof generationFields>>;

/** By which model a request is answered, and how its tokens are chosen and sent. */
export interface SharedSettings {
  readonly model: string;
  readonly sampling: Omit<Sampling, "seed">;
  readonly stop: readonly string[];
  readonly seed: number | undefined;
  readonly choices: number;
  readonly isStream: boolean;
  readonly includesUsage: boolean;
}

/**
 * Checks a body: what it asks for in common with other requests as `shared`, all of it as `data`. `unsupported`: {@link UNSUPPORTED_FIELDS}
 * and those of its kind.
 * @throws RagError request/invalid or request/unsupported, with the field as `param`
 */
export function parseGeneration<Schema extends z.ZodType<GenerationFields>>(
  body: unknown,
  { schema, unsupported }: { readonly schema: Schema; readonly unsupported: UnsupportedFields },
): { readonly data: z.infer<Schema>; readonly shared: SharedSettings } {
  refuseUnsupported(body, unsupported);
  const data = parseBody(schema, body);
  return { data, shared: sharedSettings(data) };
}

const sharedSettings = (fields: GenerationFields): SharedSettings => ({
  model: fields.model,
  sampling: samplingOf(fields),
  stop: stopTexts(fields.stop),
  seed: fields.seed ?? undefined,
  choices: fields.n ?? 1,
  isStream: fields.stream ?? false,
  includesUsage: fields.stream_options?.include_usage ?? false,
});

/** An empty text stops nothing. */
export const stopTexts = (stop: GenerationFields["stop"]): readonly string[] =>
  [stop ?? []].flat().filter((text) => text !== "");

/** The temperature is 0 unless asked for: answers from documents should not vary. */
const samplingOf = (fields: GenerationFields): SharedSettings["sampling"] => ({
  temperature: fields.temperature ?? 0,
  topP: fields.top_p ?? 1,
  ...(fields.frequency_penalty ? { frequencyPenalty: fields.frequency_penalty } : {}),
  ...(fields.presence_penalty ? { presencePenalty: fields.presence_penalty } : {}),
});
