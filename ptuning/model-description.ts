import { type DecoderConfig, type Model, type Module, targetNames } from "../generator/index.ts";
import type { BaseModel, PromptDescription } from "./prompt-record.ts";

/** The frozen model as a record names it. */
export function baseModelOf({ name, fingerprint, config }: Model): BaseModel {
  const { width, layers, heads, keyValueHeads, headDimension } = config;
  return { name, fingerprint, width, layers, attentionHeads: heads, keyValueHeads, headDimension };
}

export type LoraDescription = NonNullable<PromptDescription["lora"]>;

/** LoRA on modules of a model, as a record has it. */
export function loraDescription(
  config: DecoderConfig,
  modules: readonly Module[],
  sizes: Pick<LoraDescription, "rank" | "alpha">,
): LoraDescription {
  return {
    ...sizes,
    targets: [...targetNames(config, new Set(modules.map(({ path }) => path)))],
    isTransposed: modules.some(({ isTransposed }) => isTransposed),
    modules: modules.map(({ path, rows, columns }) => ({ path, rows, columns })),
  };
}
