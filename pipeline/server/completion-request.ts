import { z } from "zod";
import { RagError } from "../../core/index.ts";
import { type PromptEmbeddings, readPromptEmbeddings } from "../prompt-embeddings.ts";
import {
  generationFields,
  MAX_TOP_LOG_PROBABILITIES,
  parseGeneration,
  type SharedSettings,
  tokenLimit,
  UNSUPPORTED_FIELDS,
} from "./generation-fields.ts";
import { MAX_CHARACTERS, type UnsupportedFields } from "./request-fields.ts";
import { tokenIds } from "./token-ids.ts";

const MAX_PROMPTS = 256;
const DEFAULT_TOKENS = 16;

const text = z.string().max(MAX_CHARACTERS);
const ids = tokenIds(MAX_CHARACTERS);
const base64 = z.string().min(1);

export const completionRequestSchema = z.object({
  ...generationFields,
  prompt: z
    .union(
      [text, ids, z.array(text).min(1).max(MAX_PROMPTS), z.array(ids).min(1).max(MAX_PROMPTS)],
      { error: "expected a string, a list of strings, token ids, or a list of lists of token ids" },
    )
    .nullish(),
  /** As vLLM takes it: base64 of a saved torch tensor [tokens, H], or a list of them. */
  prompt_embeds: z.union([base64, z.array(base64).min(1).max(MAX_PROMPTS)]).nullish(),
  max_tokens: tokenLimit,
  logprobs: z.int().min(0).max(MAX_TOP_LOG_PROBABILITIES).nullish(),
  echo: z.boolean().nullish(),
});

/** What is continued: text, token ids, or rows of embeddings. */
export type CompletionPrompt = string | readonly number[] | PromptEmbeddings;

/** A text completion request, checked. */
export interface CompletionRequestBody extends SharedSettings {
  readonly prompts: readonly CompletionPrompt[];
  readonly maxTokens: number;
  /** Alternatives at each token; undefined: no log probabilities at all. */
  readonly logProbabilities: number | undefined;
  readonly isEcho: boolean;
}

const UNSUPPORTED: UnsupportedFields = {
  ...UNSUPPORTED_FIELDS,
  suffix: (value) => value !== "",
};

/** @throws RagError request/invalid or request/unsupported, with the field as `param` */
export function parseCompletionRequest(body: unknown): CompletionRequestBody {
  const { data, shared } = parseGeneration(body, {
    schema: completionRequestSchema,
    unsupported: UNSUPPORTED,
  });
  const prompts = [...promptsOf(data.prompt ?? undefined), ...embeddingsOf(data.prompt_embeds)];
  const isEcho = data.echo ?? false;
  const maxTokens = data.max_tokens ?? DEFAULT_TOKENS;
  if (prompts.length === 0) throw invalid("prompt", "is missing; send the text to continue");
  if (maxTokens === 0 && !isEcho) {
    throw invalid("max_tokens", "expected at least 1 unless echo is true");
  }
  if (isEcho && data.prompt_embeds != null) {
    throw invalid("echo", "prompt_embeds have no text that could be repeated; leave it out");
  }
  return {
    ...shared,
    prompts,
    maxTokens,
    logProbabilities: data.logprobs ?? undefined,
    isEcho,
  };
}

type RawPrompt = z.infer<typeof completionRequestSchema>["prompt"];

function promptsOf(raw: RawPrompt): CompletionPrompt[] {
  if (raw === undefined || raw === null) return [];
  if (typeof raw === "string") return [raw];
  return typeof raw[0] === "number" ? [raw as number[]] : [...(raw as (string | number[])[])];
}

function embeddingsOf(raw: string | readonly string[] | null | undefined): PromptEmbeddings[] {
  if (raw === null || raw === undefined) return [];
  if (typeof raw === "string") return [readPromptEmbeddings(raw, "prompt_embeds")];
  return raw.map((one, index) => readPromptEmbeddings(one, `prompt_embeds[${index}]`));
}

const invalid = (param: string, problem: string): RagError =>
  new RagError("request/invalid", `${param}: ${problem}.`, { param });
