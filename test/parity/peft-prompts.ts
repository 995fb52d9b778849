import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readTrainableWeights, type TrainingTarget } from "../../generator/index.ts";
import {
  createPromptEncoder,
  type EncoderKind,
  fullPrompt,
  loraPrompt,
  type OptimizerSettings,
  prefixPrompt,
  type TensorMap,
  type TrainedPrompt,
  virtualTokensPrompt,
} from "../../ptuning/index.ts";
import { type GoldenModel, readTensors } from "./golden-model.ts";

/** A method about to take its first step from recorded parameters. */
export interface Start {
  readonly target: TrainingTarget;
  readonly prompt: TrainedPrompt;
}

interface AdapterConfig {
  readonly num_virtual_tokens: number;
  readonly token_dim: number;
  readonly encoder_hidden_size?: number;
  readonly r: number;
  readonly lora_alpha: number;
}

const ENCODERS: Readonly<Record<string, EncoderKind>> = {
  "prompt-tuning": "embedding",
  "p-tuning-mlp": "mlp",
  "p-tuning-lstm": "lstm",
  "prefix-tuning": "embedding",
};
const LORA = /^base_model\.model\.(.+\.lora_[AB])\.default\.weight$/;

/** PEFT's name of a trained tensor while it trains. */
export const peftName = (name: string): string =>
  /\.lora_[AB]$/.test(name) ? `base_model.model.${name}.default.weight` : name;

/** The method of a curve with PEFT's own initial parameters, or the model's own weights for "full". */
export async function startFromPeft(
  model: GoldenModel,
  method: string,
  curve: { readonly learningRate: number; readonly weightDecay: number },
): Promise<Start> {
  const { learningRate, weightDecay } = curve;
  const optimizer = { learningRate, weightDecay, maxGradientNorm: Number.POSITIVE_INFINITY };
  if (method === "full") {
    const weights = await readTrainableWeights(model.engine.model, model.options);
    return { target: { kind: "full" }, prompt: fullPrompt(weights, optimizer) };
  }
  const folder = join(model.folder, method);
  const initial = readTensors(join(folder, "initial.safetensors"));
  const config: AdapterConfig = JSON.parse(
    readFileSync(join(folder, "adapter_config.json"), "utf8"),
  );
  if (method === "lora") return startLora(initial, config, optimizer);
  const { layers, keyValueHeads, headDimension } = model.engine.model.config;
  const isPrefix = method === "prefix-tuning";
  const virtualTokens = config.num_virtual_tokens;
  const encoder = await createPromptEncoder({
    kind: ENCODERS[method]!,
    virtualTokens,
    width: isPrefix ? 2 * layers * keyValueHeads * headDimension : config.token_dim,
    hiddenSize: config.encoder_hidden_size ?? 1,
    initial: "random",
    seed: 1,
    optimizer,
  });
  encoder.load(initial);
  const sizes = { virtualTokens, layers, keyValueHeads, headDimension };
  return isPrefix
    ? { target: { kind: "prefix" }, prompt: prefixPrompt(encoder, sizes) }
    : { target: { kind: "virtual" }, prompt: virtualTokensPrompt(encoder, virtualTokens) };
}

async function startLora(
  initial: TensorMap,
  config: AdapterConfig,
  optimizer: OptimizerSettings,
): Promise<Start> {
  const tensors = new Map(
    [...initial].map(([name, tensor]) => [LORA.exec(name)![1]!, tensor] as const),
  );
  const modules = [...tensors.keys()]
    .filter((name) => name.endsWith(".lora_A"))
    .map((name) => name.replace(/\.lora_A$/, ""));
  const shape = { rank: config.r, scale: config.lora_alpha / config.r, modules };
  const prompt = await loraPrompt({ shape, tensors, optimizer });
  return { target: { kind: "lora", shape }, prompt };
}
