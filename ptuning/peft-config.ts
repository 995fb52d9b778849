import { loraPeftConfig } from "./methods/lora/config.ts";
import { pTuningPeftConfig } from "./methods/p-tuning/config.ts";
import { prefixTuningPeftConfig } from "./methods/prefix-tuning/config.ts";
import { promptTuningPeftConfig } from "./methods/prompt-tuning/config.ts";
import type { PromptDescription } from "./prompt-record.ts";

/**
 * `adapter_config.json` with the fields PEFT 0.21.2 writes for the method; undefined where PEFT has no method that
 * computes the same (see `prompt-tensors.ts`). A p-tuning prompt whose encoder is "embedding" is PEFT's PROMPT_TUNING.
 */
export function peftConfig(about: PromptDescription): object | undefined {
  switch (about.method) {
    case "p-tuning-v2":
    case "full":
      return undefined;
    case "prefix-tuning":
      return prefixTuningPeftConfig(about);
    case "lora":
      return loraPeftConfig(about);
    default:
      return about.encoder.kind === "embedding"
        ? promptTuningPeftConfig(about)
        : pTuningPeftConfig(about);
  }
}
