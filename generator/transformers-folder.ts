import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { RagError, writeFileAtomic } from "../core/index.ts";
import {
  chatTemplateOf,
  type DenseTensor,
  openWeights,
  tokenizerJsonFromGguf,
  type WeightFile,
  writeSafetensors,
} from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";
import { type ModelPlan, planModel } from "./families/index.ts";
import type { Model } from "./model.ts";
import { WeightParts } from "./weight-parts.ts";

/**
 * Writes a GGUF model of Llama's shape as a folder that transformers (and this program) loads: config.json, model.safetensors
 * with every weight as f32, tokenizer.json, tokenizer_config.json.
 * @throws RagError model/unsupported for another family or stretched rotary frequencies, file/write-failed
 */
export async function writeTransformersFolder(model: Model, folder: string): Promise<void> {
  const config = transformersConfig(model);
  const file = openWeights(model.weightsPath);
  try {
    await mkdir(folder, { recursive: true });
    const write = (name: string, content: object) =>
      writeFileAtomic(join(folder, name), `${JSON.stringify(content)}\n`);
    await write("config.json", config);
    await write("tokenizer.json", tokenizerJsonFromGguf(file));
    await write("tokenizer_config.json", {
      tokenizer_class: "PreTrainedTokenizerFast",
      chat_template: chatTemplateOf({ metadata: file.metadata }) ?? null,
    });
    const tensors = denseTensors(file, model.config, planModel(model.config));
    await writeSafetensors(join(folder, "model.safetensors"), tensors, { format: "pt" });
  } finally {
    file.close();
  }
}

function transformersConfig({ config, stopIds, weightsPath }: Model): object {
  const { positions } = config;
  if (config.norm.kind !== "rms" || positions.kind !== "rotary" || positions.factors) {
    throw new RagError(
      "model/unsupported",
      `${basename(weightsPath)}: expected a model of Llama's shape with plain rotary positions, found ${config.family}; only those can be exported.`,
    );
  }
  const architecture = config.family.charAt(0).toUpperCase() + config.family.slice(1);
  return {
    architectures: [`${architecture}ForCausalLM`],
    model_type: config.family,
    num_hidden_layers: config.layers,
    hidden_size: config.width,
    num_attention_heads: config.heads,
    num_key_value_heads: config.keyValueHeads,
    head_dim: config.headDimension,
    intermediate_size: config.feedForward,
    vocab_size: config.vocabulary,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.norm.epsilon,
    hidden_act: "silu",
    rope_theta: positions.base,
    tie_word_embeddings: config.isTied,
    attention_bias: config.biased.includes("o"),
    mlp_bias: config.biased.includes("down"),
    eos_token_id: [...stopIds],
  };
}

function denseTensors(
  file: WeightFile,
  config: DecoderConfig,
  plan: ModelPlan,
): Map<string, DenseTensor> {
  const source = new WeightParts(file, config, plan);
  const tensors = new Map<string, DenseTensor>();
  for (const { name, parts, columns } of plan.projections) {
    for (const part of parts) {
      const alone = { name, parts: [part], columns };
      tensors.set(part.weight.huggingFace[0]!, {
        shape: [part.rows, columns],
        data: source.matrix(alone),
      });
      const bias = source.bias(alone);
      if (bias) tensors.set(part.bias!.huggingFace[0]!, { shape: [part.rows], data: bias });
    }
  }
  for (const { tensor, shape } of plan.plain) {
    tensors.set(tensor.huggingFace[0]!, { shape, data: source.plain(tensor, shape) });
  }
  return tensors;
}
