import { z } from "zod";
import { parseWith, RagError } from "../core/index.ts";

/** The places a chat template can come from; the first that has one counts. */
export interface ChatTemplateSource {
  /** Text of a `chat_template.jinja` file. */
  readonly jinjaFile?: string;
  /** Parsed `tokenizer_config.json`. */
  readonly tokenizerConfig?: unknown;
  /** Metadata of a GGUF file. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** The longest known templates, with tools, have 20,000 characters. */
const MAX_CHARACTERS = 1_000_000;
const named = z.array(z.object({ name: z.string(), template: z.string() }));
const configSchema = z.looseObject({ chat_template: z.union([z.string(), named]).nullish() });

/**
 * The Jinja source of a model's chat template, or undefined for a model without one (a base model).
 * @throws RagError model/invalid when it is no text or longer than a million characters
 */
export function chatTemplateOf(source: ChatTemplateSource): string | undefined {
  const template = source.jinjaFile ?? fromConfig(source.tokenizerConfig) ?? fromGguf(source);
  if (template !== undefined && template.length > MAX_CHARACTERS) {
    throw new RagError(
      "model/invalid",
      `chat template: expected at most ${MAX_CHARACTERS} characters, found ${template.length}; use another copy of the model.`,
    );
  }
  return template;
}

function fromConfig(raw: unknown): string | undefined {
  if (raw === undefined) return undefined;
  const config = parseWith(configSchema, raw, "tokenizer_config.json", "model/invalid");
  const template = config.chat_template;
  if (Array.isArray(template)) return template.find(({ name }) => name === "default")?.template;
  return template ?? undefined;
}

function fromGguf({ metadata }: ChatTemplateSource): string | undefined {
  const template = metadata?.["tokenizer.chat_template"];
  if (template === undefined || typeof template === "string") return template;
  throw new RagError(
    "model/invalid",
    `tokenizer.chat_template: expected text, found ${typeof template}; the file is damaged, get it again.`,
  );
}
