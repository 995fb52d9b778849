import assert from "node:assert/strict";
import type { Conditioning } from "../generator/index.ts";
import type { LearnedPrompt } from "./prompt-file.ts";
import { requireLora } from "./prompt-tensors.ts";

/** What a learned prompt hands to the generator. */
export function conditioningOf({ about, content }: LearnedPrompt): Conditioning {
  const count = about.virtualTokens;
  if ("virtualTokens" in content) return { kind: "virtual", count, rows: content.virtualTokens };
  if ("deep" in content) {
    const kind = about.method === "prefix-tuning" ? "prefix" : "deep";
    return { kind, count, keys: content.deep.keys, values: content.deep.values };
  }
  const identity = { slot: `prompt ${about.name}`, version: about.createdAt };
  if ("lora" in content) {
    const { rank, alpha, modules } = requireLora(about);
    const shape = { rank, scale: alpha / rank, modules: modules.map(({ path }) => path) };
    return { kind: "lora", count: 0, identity, shape, matrices: content.lora };
  }
  const { saved } = content.model;
  assert.ok(saved, "a model that answers is in a store");
  const { path, sha256: version } = saved;
  return { kind: "full", count: 0, identity: { ...identity, version }, weights: { path } };
}
