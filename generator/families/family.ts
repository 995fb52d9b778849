import type { WeightFile } from "../../runtime/index.ts";
import type { DecoderConfig } from "../config.ts";
import type { ModelPlan } from "./plan.ts";

/**
 * One kind of decoder: how its configuration is read from either file format, and what its tensors are called. To add a
 * family, write one file that describes it and list it in `index.ts`.
 */
export interface Family {
  /** `model_type` in config.json, and `family` of its configurations. */
  readonly name: string;
  /** `general.architecture` in GGUF files, where llama.cpp has one for it. */
  readonly ggufName?: string;
  /** `raw`: a parsed config.json. @throws RagError model/invalid, model/unsupported */
  readonly readHuggingFace: (raw: unknown, source: string) => DecoderConfig;
  /** @throws RagError model/invalid, model/unsupported */
  readonly readGguf: (file: WeightFile) => DecoderConfig;
  /** Every weight of such a decoder. */
  readonly plan: (config: DecoderConfig) => ModelPlan;
}
