import { basename } from "node:path";
import { z } from "zod";
import { parseWith, RagError } from "../../core/index.ts";
import type { WeightFile } from "../../runtime/index.ts";
import type { DecoderConfig } from "../config.ts";
import type { Family } from "./family.ts";
import { gpt2 } from "./gpt2.ts";
import { llama } from "./llama.ts";
import { mistral } from "./mistral.ts";
import type { ModelPlan } from "./plan.ts";
import { qwen2 } from "./qwen2.ts";
import { qwen3 } from "./qwen3.ts";

export type { ModelPlan, Part, PlainWeight, Projection, TensorNames } from "./plan.ts";

/** Every kind of decoder that can be run. */
const FAMILIES: readonly Family[] = [llama, mistral, qwen2, qwen3, gpt2];

/**
 * Reads a transformers `config.json`, of transformers 5 or older.
 * @throws RagError model/unsupported for an architecture or setting that is not built here, model/invalid for a damaged file
 */
export function configFromHuggingFace(raw: unknown, source: string): DecoderConfig {
  const { model_type } = parseWith(
    z.looseObject({ model_type: z.string() }),
    raw,
    source,
    "model/invalid",
  );
  const family = FAMILIES.find(({ name }) => name === model_type);
  return family ? family.readHuggingFace(raw, source) : refuse(source, model_type, "name");
}

/**
 * Reads the `general.architecture` and `<architecture>.*` keys of a GGUF file.
 * @throws RagError model/unsupported, model/invalid
 * @see ggml docs/gguf.md
 */
export function configFromGguf(file: WeightFile): DecoderConfig {
  const architecture = file.metadata["general.architecture"];
  const family = FAMILIES.find(({ ggufName }) => ggufName && ggufName === architecture);
  return family ? family.readGguf(file) : refuse(basename(file.path), architecture, "ggufName");
}

/** Every weight of a decoder, under the names that the graph asks for. */
export function planModel(config: DecoderConfig): ModelPlan {
  const family = FAMILIES.find(({ name }) => name === config.family);
  return family ? family.plan(config) : refuse("decoder", config.family, "name");
}

function refuse(source: string, found: unknown, key: "name" | "ggufName"): never {
  const supported = FAMILIES.flatMap((family) => family[key] ?? []).join(", ");
  throw new RagError(
    "model/unsupported",
    `${source}: architecture ${JSON.stringify(found ?? null).slice(0, 80)} is not supported; supported are ${supported}.`,
  );
}
