import { join } from "node:path";
import { fillFolder, RagError, writeFileAtomic } from "../../core/index.ts";
import { type Generator, requireSavable, saveModel } from "../../generator/index.ts";
import { writeSafetensors } from "../../runtime/index.ts";
import { mergeLora } from "../methods/lora/merge.ts";
import { baseModelOf } from "../model-description.ts";
import { peftConfig } from "../peft-config.ts";
import type { LearnedPrompt } from "../prompt-file.ts";
import { checkPromptFits, toAskedRecord } from "../prompt-record.ts";
import { contentToTensors, requireLora } from "../prompt-tensors.ts";
import { writeTorchTensor } from "./torch-tensor.ts";

/** What a prompt can be written as; see docs/learned-prompts.md. */
export const EXPORT_FORMATS = ["peft", "spring", "vllm", "merged"] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/**
 * Writes a prompt for other programs: "peft" an adapter folder (with `foreword.json`, which {@link importPrompt} reads), "spring" a `.pt` file of one tensor [K, H], "vllm" the same as base64
 * text (a `prompt_embeds` part), "merged" a model folder with LoRA added to the weights, or of full training.
 * @throws RagError config/invalid when the format cannot hold the method, prompt/mismatch, file/write-failed
 */
export async function exportPrompt(
  prompt: LearnedPrompt,
  options: {
    readonly format: ExportFormat;
    /** A folder for "peft" and "merged", else a file. */
    readonly out: string;
    /** Opens the base model, which only "merged" needs. */
    readonly generator: () => Promise<Generator>;
  },
): Promise<void> {
  const { format, out, generator } = options;
  if (format === "peft") return exportPeft(prompt, out);
  if (format === "merged") return exportMerged(prompt, out, generator);
  const tensor = virtualTokensOf(prompt, format);
  const bytes = writeTorchTensor(tensor);
  await writeFileAtomic(out, format === "spring" ? bytes : Buffer.from(bytes).toString("base64"));
}

/** The adapter, and beside it what PEFT has no field for: how the prompt is asked. */
async function exportPeft(prompt: LearnedPrompt, out: string): Promise<void> {
  await writeAdapter(prompt, out);
  await writeJson(join(out, "foreword.json"), toAskedRecord(prompt.about));
}

/**
 * Writes `adapter_config.json` and `adapter_model.safetensors`, as PEFT does.
 * @throws RagError config/invalid when PEFT has no such method, file/write-failed
 */
export async function writeAdapter({ about, content }: LearnedPrompt, out: string): Promise<void> {
  const config = peftConfig(about);
  if (config === undefined) throw cannotHold(about.name, about.method, "peft");
  const tensors = contentToTensors(about, content);
  await fillFolder(out, async () => {
    await writeSafetensors(join(out, "adapter_model.safetensors"), tensors, { format: "pt" });
    await writeJson(join(out, "adapter_config.json"), config);
  });
}

const writeJson = (path: string, value: object): Promise<void> =>
  writeFileAtomic(path, `${JSON.stringify(value, undefined, 2)}\n`);

async function exportMerged(
  { about, content }: LearnedPrompt,
  out: string,
  openGenerator: () => Promise<Generator>,
): Promise<void> {
  if ("model" in content) return fillFolder(out, () => content.model.write(out));
  if (!("lora" in content)) throw cannotHold(about.name, about.method, "merged");
  const generator = await openGenerator();
  checkPromptFits({ about }, baseModelOf(generator.model));
  requireSavable(generator.model);
  const weights = await generator.trainableWeights();
  const merged = mergeLora(weights, generator.model.config, requireLora(about), content.lora);
  await saveModel(generator.model, merged, out);
}

function virtualTokensOf({ about, content }: LearnedPrompt, format: ExportFormat) {
  if (!("virtualTokens" in content)) throw cannotHold(about.name, about.method, format);
  return { shape: [about.virtualTokens, about.baseModel.width], data: content.virtualTokens };
}

const HOLDS: Readonly<Record<ExportFormat, string>> = {
  peft: "p-tuning, prompt-tuning, prefix-tuning and lora",
  spring: "p-tuning and prompt-tuning (token embeddings)",
  vllm: "p-tuning and prompt-tuning (token embeddings)",
  merged: "lora and full (changed weights)",
};

function cannotHold(name: string, method: string, format: ExportFormat): RagError {
  return new RagError(
    "config/invalid",
    `prompt "${name}": format ${format} holds ${HOLDS[format]}, but this prompt was trained with ${method}; choose another --format or train with one of these (--method).`,
    { param: "format" },
  );
}
