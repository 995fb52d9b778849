import { z } from "zod";
import { parseWith } from "../core/index.ts";

/** How each method is trained unless said otherwise; measured in bench/results. */
const LEARNING_RATES = { deep: 2e-2, embedding: 1e-2, mlp: 1e-3, lstm: 1e-3 } as const;

const schema = z.strictObject({
  name: z.string().default("default"),
  method: z
    .enum(["p-tuning", "p-tuning-v2", "prompt-tuning", "prefix-tuning", "lora", "full"])
    .default("p-tuning-v2"),
  encoder: z.enum(["embedding", "mlp", "lstm"]).default("mlp"), // of p-tuning only
  encoderHiddenSize: z.int().min(1).max(8192).default(128), // inside mlp and lstm
  tokens: z.int().min(1).max(512).default(16), // virtual tokens
  placement: z.enum(["between", "prefix"]).default("between"),
  epochs: z.int().min(1).max(1000).default(4),
  learningRate: z.number().positive().max(10).optional(),
  weightDecay: z.number().min(0).max(1).default(0),
  maxGradientNorm: z.number().positive().default(1),
  warmupSteps: z.int().min(0).max(100_000).default(10),
  batch: z.int().min(1).max(256).default(8), // examples per optimizer step
  passages: z.int().min(1).max(20).default(3), // retrieved passages per example
  limit: z.int().min(1).optional(), // pairs used, drawn at random
  devShare: z.number().min(0).max(0.5).default(0.1), // of the pairs, held out
  maxDevPairs: z.int().min(0).max(10_000).default(40),
  patience: z.int().min(1).max(1000).default(2), // epochs without a better dev F1 before it stops
  seed: z
    .int()
    .min(0)
    .max(2 ** 31)
    .default(1),
  resume: z.boolean().default(false),
  instruction: z
    .string()
    .min(1)
    .max(2000)
    .default(
      " According to the previous relevant passages, please answer the following question. Only return the answer without any other words.",
    ), // what the virtual tokens start from
  passageCacheBytes: z
    .int()
    .min(0)
    .default(6 * 2 ** 30),
});

export type TuneSettings = z.infer<typeof schema>;

/** Validates raw settings. `source` names the flags or file they came from. @throws RagError config/invalid */
export const parseTuneSettings = (raw: unknown, source: string): TuneSettings =>
  parseWith(schema, raw, source);

/** The settings' own rate, or the method's. */
export function learningRateOf(settings: TuneSettings): number {
  if (settings.learningRate !== undefined) return settings.learningRate;
  if (settings.method === "p-tuning-v2") return LEARNING_RATES.deep;
  return LEARNING_RATES[encoderOf(settings)];
}

/** Prompt tuning is P-Tuning without an encoder. */
export const encoderOf = ({ method, encoder }: TuneSettings): TuneSettings["encoder"] =>
  method === "p-tuning" ? encoder : "embedding";
