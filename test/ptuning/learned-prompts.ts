import type { LearnedPrompt, PromptDescription } from "../../ptuning/index.ts";

/** A description for a model of the golden llama-tied sizes; `changes` replaces fields. */
export function describePrompt(changes: Partial<PromptDescription> = {}): PromptDescription {
  return {
    name: "manuals",
    createdAt: "2026-01-02T03:04:05.000Z",
    method: "p-tuning",
    encoder: { kind: "mlp", hiddenSize: 40 },
    placement: "between",
    virtualTokens: 6,
    baseModel: {
      name: "llama-tied",
      fingerprint: "ab".repeat(32),
      width: 48,
      layers: 3,
      attentionHeads: 6,
      keyValueHeads: 2,
      headDimension: 8,
    },
    training: {
      qaHash: "cd".repeat(32),
      examples: 300,
      epochs: 2.5,
      steps: 94,
      seconds: 61.25,
      seed: 7,
      learningRate: 0.01,
      batch: 8,
      passages: 1,
      passagesMax: 3,
      lossCurve: [3.5, 2.25],
      devCurve: [{ step: 38, em: 10, f1: 20.5 }],
      dev: { em: 10, f1: 20.5 },
      isFinished: true,
    },
    template:
      "system: {system}\nuser: [{n}] {title}\\n{passage}… {virtual tokens}Question: {question}",
    instruction: "Answer briefly.",
    ...changes,
  };
}

/** Rows that tell every entry apart. */
export function countingArray(length: number, start = 0): Float32Array {
  return Float32Array.from({ length }, (_, i) => start + i / 8);
}

/** A prompt of virtual tokens [6, 48] whose first entry is `start`. */
export function tokenPrompt(changes: Partial<PromptDescription> = {}, start = 0): LearnedPrompt {
  return {
    about: describePrompt(changes),
    content: { virtualTokens: countingArray(6 * 48, start) },
  };
}

/** A prompt of key and value rows [2, 6, 8] at three layers. */
export function deepPrompt(
  method: "p-tuning-v2" | "prefix-tuning",
  changes: Partial<PromptDescription> = {},
): LearnedPrompt {
  const rows = (first: number) =>
    [0, 1, 2].map((layer) => countingArray(2 * 6 * 8, first + 100 * layer));
  const placement = method === "prefix-tuning" ? "prefix" : "between";
  return {
    about: describePrompt({ method, placement, ...changes }),
    content: { deep: { keys: rows(1000), values: rows(2000) } },
  };
}
