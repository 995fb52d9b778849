import { z } from "zod";
import { isPlainFileName, RagError } from "../core/index.ts";

/** How a prompt was trained; what its files hold follows from it. */
export type PromptMethod = (typeof METHOD_NAMES)[number];

export const METHOD_NAMES = [
  "p-tuning",
  "p-tuning-v2",
  "prompt-tuning",
  "prefix-tuning",
  "lora",
  "full",
] as const;

/** Written as `format` and `version`; a reader refuses what it does not know. */
const FORMAT = "foreword-prompt";
const VERSION = 1;
const NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?$/;
/** Words that mean something else where a prompt's name is expected. */
const RESERVED: readonly string[] = ["none", "no-retrieval", "rag", "hand", "base"];

const sha256Digits = z.string().regex(/^[0-9a-f]{64}$/, "expected 64 lower-case hex digits");
const count = z.int().min(0).max(1e9);
const size = z
  .int()
  .min(1)
  .max(2 ** 20);
const answerTokens = z.int().min(1).max(1024);
const percent = z.number().min(0).max(100);
const text = z.string().max(100_000);
const score = z.strictObject({ em: percent, f1: percent });

const baseModel = z.strictObject({
  name: z.string().min(1).max(1000),
  fingerprint: sha256Digits, // of the weights
  width: size, // H
  layers: size,
  attentionHeads: size, // N
  keyValueHeads: size,
  headDimension: size,
});

const lora = z.strictObject({
  rank: size,
  alpha: z.number().positive(), // B·A counts alpha / rank
  targets: z.array(z.string().min(1).max(200)).min(1).max(10_000), // as PEFT's target_modules
  isTransposed: z.boolean(), // the model keeps these weights [columns, rows]
  modules: z
    .array(z.strictObject({ path: z.string().min(1).max(200), rows: size, columns: size }))
    .min(1)
    .max(10_000),
});

const training = z.strictObject({
  qaHash: sha256Digits, // of the question file
  examples: count,
  epochs: z.number().min(0), // of them run; a part of an epoch is a fraction
  steps: count,
  seconds: z.number().min(0),
  passageSeconds: z.number().min(0).optional(), // of them, spent on reading passages that were not kept
  seed: z.int(),
  seeds: z.int().min(2).max(1000).optional(), // as many runs were made, and this is the best
  learningRate: z.number().min(0), // 0 in an imported prompt
  batch: count,
  passages: count, // retrieved passages an example has at least
  passagesMax: count, // and at most
  maxAnswerTokens: answerTokens.optional(), // of an answer that was learned
  lossCurve: z.array(z.number()).max(1e6), // mean training loss of each step
  devCurve: z.array(score.extend({ step: count })).max(1e5),
  dev: score.nullable(), // of the saved prompt; null: nothing held out
  trainableParameters: count.optional(),
  isFinished: z.boolean(), // false: a checkpoint of a run that can be resumed
});

const share = z.number().min(0).max(1.001); // of 1, as f32 sums add up

const record = z
  .strictObject({
    format: z.literal(FORMAT),
    version: z.literal(VERSION),
    name: z.string().regex(NAME),
    createdAt: z.iso.datetime(),
    method: z.enum(METHOD_NAMES),
    encoder: z.strictObject({
      kind: z.enum(["embedding", "mlp", "lstm", "projection"]),
      hiddenSize: size, // inside the networks
    }),
    task: z.enum(["question", "input"]).optional(), // "question" where it is not said
    placement: z.enum(["between", "prefix"]),
    virtualTokens: z.int().min(0).max(4096), // K; 0 where weights are changed instead
    lora: lora.optional(), // of method "lora"
    baseModel,
    training,
    /** Where the answers of a few training examples look while they are written: means over heads and layers. */
    attention: z
      .strictObject({
        virtualTokens: z.array(share).max(4096), // one by one
        before: share, // system text and passages
        after: share, // question and answer
      })
      .optional(),
    template: text, // how passages, prompt and question were put together
    instruction: text, // what the virtual tokens started from; "" for random
    /** sha256 of every other file of the prompt. */
    files: z.strictObject({
      "adapter_config.json": sha256Digits.optional(),
      "adapter_model.safetensors": sha256Digits.optional(),
      "deep_tokens.safetensors": sha256Digits.optional(),
      "model/config.json": sha256Digits.optional(),
      "model/model.safetensors": sha256Digits.optional(),
      "model/tokenizer.json": sha256Digits.optional(),
      "model/tokenizer_config.json": sha256Digits.optional(),
      "model/chat_template.jinja": sha256Digits.optional(),
      "training/state.safetensors": sha256Digits.optional(),
      "training/progress.json": sha256Digits.optional(),
    }),
  })
  .refine(({ method, lora: shape }) => (method === "lora") === (shape !== undefined), {
    path: ["lora"],
    message: "belongs to lora, and to no other method",
  })
  .refine(({ method, placement }) => method !== "prefix-tuning" || placement === "prefix", {
    path: ["placement"],
    message: 'prefix-tuning goes in front: expected "prefix"',
  });

/** `foreword.json`: everything about a learned prompt but its tensors. Scores are 0 to 100. */
export type PromptRecord = z.infer<typeof record>;
export type PromptFileName = keyof PromptRecord["files"];
/** What the trainer knows; saving adds the format and the checksums. */
export type PromptDescription = Readonly<Omit<PromptRecord, "format" | "version" | "files">>;
export type BaseModel = Readonly<PromptRecord["baseModel"]>;

export const promptRecordSchema = record;

/** More passages than any training reads. */
export const MAX_PASSAGES = 40;
const passageCount = z.int().min(0).max(MAX_PASSAGES);

/**
 * What a record says of how its prompt is asked. An exported adapter has this beside it, in a file of its own; what else a record says is
 * told by the adapter.
 */
export const askedSchema = z.object({
  format: z.literal(FORMAT),
  version: z.literal(VERSION),
  task: z.enum(["question", "input"]).default("question"),
  placement: z.enum(["between", "prefix"]),
  template: text,
  training: z.object({
    passages: passageCount,
    passagesMax: passageCount,
    maxAnswerTokens: answerTokens.optional(),
  }),
});
export type AskedRecord = z.infer<typeof askedSchema>;

/** That part of a description. */
export function toAskedRecord({
  task = "question",
  placement,
  template,
  training: { passages, passagesMax, maxAnswerTokens },
}: PromptDescription): AskedRecord {
  const training = { passages, passagesMax, ...(maxAnswerTokens && { maxAnswerTokens }) };
  return { format: FORMAT, version: VERSION, task, placement, template, training };
}

/** Completes a description to a record. */
export function toRecord(about: PromptDescription, files: PromptRecord["files"]): PromptRecord {
  return { format: FORMAT, version: VERSION, ...about, files };
}

/**
 * Refuses a name that is no plain folder name or means something else on the command line.
 * @throws RagError config/invalid
 */
export function checkPromptName(name: string): void {
  if (NAME.test(name) && !RESERVED.includes(name) && isPlainFileName(name)) return;
  if (NAME.test(name) && !RESERVED.includes(name)) {
    throw new RagError(
      "config/invalid",
      `prompt name "${name}": Windows has a device of this name; choose another name.`,
      { param: "name" },
    );
  }
  throw new RagError(
    "config/invalid",
    RESERVED.includes(name)
      ? `prompt name "${name}": this word has a meaning of its own; choose another name.`
      : `prompt name ${JSON.stringify(name.slice(0, 80))}: expected 1 to 64 letters, digits, ".", "_" or "-", beginning with a letter or digit and not ending in "."; choose another name.`,
    { param: "name" },
  );
}

/**
 * Refuses a prompt that was trained for other weights: it would run and answer nonsense.
 * @throws RagError prompt/mismatch naming both models
 */
export function checkPromptFits(
  prompt: { readonly about: Pick<PromptDescription, "name" | "baseModel"> },
  model: Pick<BaseModel, "name" | "fingerprint" | "width">,
): void {
  const { name, baseModel: trained } = prompt.about;
  if (trained.fingerprint === model.fingerprint && trained.width === model.width) return;
  const show = (one: typeof model) =>
    `${one.name} (width ${one.width}, fingerprint ${one.fingerprint.slice(0, 12)})`;
  throw new RagError(
    "prompt/mismatch",
    `prompt "${name}": it was trained for ${show(trained)}, but the model in use is ${show(model)}; use that model or train a prompt for this one.`,
  );
}
