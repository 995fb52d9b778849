import { z } from "zod";
import { nameIn, parseWith, RagError, type Source } from "../core/index.ts";
import { LEARNED_ANSWER_TOKENS } from "./answer-length.ts";
import { METHOD_NAMES, type PromptDescription, type PromptMethod } from "./prompt-record.ts";
import {
  checkTemplate,
  type Placement,
  type PromptTemplate,
  placementIn,
  templateAt,
} from "./prompt-template.ts";

/** More lead a small model astray: docs/decisions/2026-11-28-one-passage.md. */
export const USUAL_PASSAGES = 1;

const schema = z.strictObject({
  name: z.string().default("default"),
  method: z.enum(METHOD_NAMES).default("p-tuning-v2"),
  encoder: z.enum(["embedding", "mlp", "lstm"]).default("mlp"), // of p-tuning only
  encoderHiddenSize: z.int().min(1).max(8192).default(128), // inside mlp, lstm and projection
  projection: z.boolean().default(false), // prefix-tuning: a network makes the rows
  rank: z.int().min(1).max(1024).default(16), // of lora
  alpha: z.number().positive().max(4096).default(32), // of lora: B·A counts alpha / rank
  targets: z.array(z.string().min(1).max(200)).min(1).max(100).optional(), // of lora: projections
  initialise: z.enum(["text", "vocabulary", "random"]).default("text"), // what virtual tokens start as
  tokens: z.int().min(1).max(512).default(16), // virtual tokens
  placement: z.enum(["between", "prefix"]).optional(), // prefix-tuning's is prefix, others' between
  template: z.string().optional(), // of the user's message; by default what belongs to the placement
  epochs: z.int().min(1).max(1000).default(4),
  learningRate: z.number().positive().max(10).optional(),
  weightDecay: z.number().min(0).max(1).default(0),
  maxGradientNorm: z.number().positive().default(1),
  warmupSteps: z.int().min(0).max(100_000).default(10),
  batch: z.int().min(1).max(256).default(8), // examples per optimizer step
  accumulate: z.int().min(1).max(1024).default(1), // batches per optimizer step
  passages: z.int().min(1).max(20).default(USUAL_PASSAGES), // retrieved passages per example, at most
  passagesMin: z.int().min(1).max(20).optional(), // a random number from this up; default: always all
  shufflePassages: z.boolean().default(false), // random order
  distractors: z.int().min(0).max(20).default(0), // passages of other questions mixed in
  unanswerable: z.number().min(0).max(0.5).default(0), // share of examples whose passages do not answer them
  variants: z.int().min(1).max(64).default(2), // how many draws of passages an example has, epoch by epoch
  randomTokens: z.boolean().default(false), // a random first-k each step, so that any k works later
  maxAnswerTokens: z.int().min(1).max(1024).default(LEARNED_ANSWER_TOKENS), // the rest of a longer answer is not learned
  limit: z.int().min(1).optional(), // pairs used, drawn at random
  devShare: z.number().min(0).max(0.5).default(0.1), // of the pairs, held out
  maxDevPairs: z.int().min(0).max(10_000).default(40),
  patience: z.int().min(1).max(1000).default(2), // epochs without a better dev F1 before it stops
  seed: z
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1),
  seeds: z.int().min(1).max(20).default(1), // runs with seed, seed + 1, …; the best is kept
  findLearningRate: z.boolean().default(false), // a range test first
  checkpointSteps: z.int().min(1).max(1_000_000).default(50), // a killed run loses at most these
  resume: z.boolean().default(false),
  instruction: z
    .string()
    .min(1)
    .max(2000)
    .default(
      " According to the previous relevant passages, please answer the following question. Only return the answer without any other words.",
    ), // what the virtual tokens start from
  passageCacheBytes: z.int().min(0).optional(), // keys and values kept in memory; default: a share of it
  passageDiskBytes: z.int().min(0).optional(), // and on disk; default: a share of the free space
});

/** Each setting's own schema, for other words that mean the same. */
export const tuneFields = schema.shape;

export type TuneSettings = z.infer<typeof schema> & {
  readonly placement: Placement;
  readonly template: PromptTemplate;
};

/** The fields of raw settings, with defaults and ranges, as JSON Schema: what a form of them needs. */
export function tuneSettingsJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema: _, ...fields } = z.toJSONSchema(schema, { io: "input" });
  return fields;
}

/** Validates raw settings. `source` names what they came from, or each of their flags. @throws RagError config/invalid */
export function parseTuneSettings(raw: unknown, source: Source): TuneSettings {
  const settings = parseWith(schema, raw, source);
  const isPrefix = settings.method === "prefix-tuning";
  const own = settings.template && ownTemplate(settings.template, settings, source);
  const placement =
    settings.placement ?? (isPrefix ? "prefix" : own ? placementIn(own) : "between");
  if (isPrefix && placement !== "prefix") {
    throw new RagError(
      "config/invalid",
      `${nameIn(source, "placement")}: the rows of prefix-tuning stand in front of everything; use prefix, or p-tuning-v2 for rows after the passages.`,
      { param: "placement" },
    );
  }
  return { ...settings, placement, template: own || templateAt(placement) };
}

const NOT_WEIGHTS: readonly PromptMethod[] = [
  "p-tuning",
  "p-tuning-v2",
  "prompt-tuning",
  "prefix-tuning",
];
/** Settings that are not for every method. */
const METHODS_OF: Readonly<Partial<Record<keyof TuneSettings, readonly PromptMethod[]>>> = {
  encoder: ["p-tuning"],
  encoderHiddenSize: ["p-tuning", "prefix-tuning"],
  projection: ["prefix-tuning"],
  rank: ["lora"],
  alpha: ["lora"],
  targets: ["lora"],
  tokens: NOT_WEIGHTS,
  initialise: NOT_WEIGHTS,
  instruction: NOT_WEIGHTS,
  randomTokens: NOT_WEIGHTS,
};

/** What was asked for and does nothing, a sentence each. `raw`: what was given, as for {@link parseTuneSettings}. */
export function unusedSettings(
  raw: Readonly<Record<string, unknown>>,
  { method, passages, passagesMin }: TuneSettings,
): string[] {
  const ofOthers = Object.entries(METHODS_OF).filter(
    ([name, methods]) => raw[name] !== undefined && !methods.includes(method),
  );
  const sentences = ofOthers.map(
    ([name, methods]) => `${name}: ${method} does not use it; it is of ${methods.join(", ")}.`,
  );
  if (passagesMin !== undefined && passagesMin >= passages) {
    sentences.push(
      `passagesMin: ${passagesMin} is not below passages (${passages}); it does nothing.`,
    );
  }
  return sentences;
}

/** What these train has no place in the text. */
const WITHOUT_PLACE: readonly string[] = ["prefix-tuning", "lora", "full"];

/**
 * A template written by a person for a method, which may leave out a mark it has no place for.
 * @throws RagError config/invalid, also with a placement beside it
 */
export function ownTemplate(
  template: string,
  {
    method,
    placement,
  }: { readonly method: PromptMethod; readonly placement?: Placement | undefined },
  source: Source,
): PromptTemplate {
  if (placement !== undefined) {
    throw new RagError(
      "config/invalid",
      `${nameIn(source, "template")}: it says itself where the virtual tokens stand; leave the placement out.`,
      { param: "template" },
    );
  }
  const needsNone = WITHOUT_PLACE.includes(method) && !template.includes("{virtual tokens}");
  const marked = needsNone ? `{virtual tokens}${template}` : template;
  checkTemplate(marked, nameIn(source, "template"));
  return marked;
}

/** The encoder a method trains with: p-tuning has a choice. */
export function encoderOf({
  method,
  encoder,
  projection,
}: TuneSettings): PromptDescription["encoder"]["kind"] {
  if (method === "p-tuning") return encoder;
  return method === "prefix-tuning" && projection ? "projection" : "embedding";
}
