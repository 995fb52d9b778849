import assert from "node:assert/strict";
import { type Conditioning, type Model, saveModel } from "../../generator/index.ts";
import type { PromptContent } from "../prompt-tensors.ts";

/** What is saved of a conditioning. */
export function contentOf(conditioning: Conditioning, model: Model): PromptContent {
  switch (conditioning.kind) {
    case "virtual":
      return { virtualTokens: conditioning.rows };
    case "lora":
      return { lora: conditioning.matrices };
    case "full": {
      const { weights } = conditioning;
      assert.ok(weights instanceof Map, "trained weights are in memory");
      return { model: { write: (folder) => saveModel(model, weights, folder) } };
    }
    default:
      return { deep: { keys: conditioning.keys, values: conditioning.values } };
  }
}
