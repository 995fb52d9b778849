import { z } from "zod";
import { parseJson, parseWith, RagError } from "../../core/index.ts";
import { linearModules, type Model } from "../../generator/index.ts";
import type { TensorInfo } from "../../runtime/index.ts";
import { loraDescription } from "../model-description.ts";
import { EMBEDDINGS } from "../prompt-tensors.ts";
import type { AdapterDescription } from "./import-prompt.ts";

const isEmpty = (value: unknown): boolean =>
  value == null || (typeof value === "object" && Object.keys(value).length === 0);
const promptSchema = z.looseObject({
  num_virtual_tokens: z.int().min(1).max(4096),
  num_layers: z.int().positive(),
  token_dim: z.int().positive(),
  encoder_hidden_size: z.int().positive().nullish(),
  encoder_reparameterization_type: z.enum(["MLP", "LSTM"]).optional(),
  prefix_projection: z.boolean().optional(),
});
/** What would stand beside the rows. */
const onlyRowsSchema = z.looseObject({
  num_transformer_submodules: z
    .literal([1, null], {
      error: "one is read, for a decoder; train the prompt for a causal model",
    })
    .optional(),
  modules_to_save: z.unknown().refine(isEmpty, {
    error: "changed modules beside the rows are not read; train the prompt without them",
  }),
});
const NOT_PLAIN =
  "it changes what the matrices mean, and is not computed here; train plain LoRA, or convert the adapter to it";
const off = z.literal([false, null], { error: NOT_PLAIN }).optional();
const empty = z.unknown().refine(isEmpty, { error: NOT_PLAIN });
const loraSchema = z.looseObject({
  r: z.int().min(1).max(4096),
  lora_alpha: z.number().positive(),
  // Matrices are added to the weights of the base model as it is: other ways to begin (PiSSA, OLoRA, CorDA, LoftQ, LoRA-GA) change those.
  init_lora_weights: z
    .literal([true, false, null, "gaussian", "eva", "orthogonal", "mica"], {
      error:
        "it begins from changed weights of the base model, which the adapter does not hold; save it as plain LoRA (PEFT: path_initial_model_for_weight_conversion)",
    })
    .optional(),
  bias: z.literal(["none", null], { error: NOT_PLAIN }).optional(),
  use_dora: off,
  use_rslora: off,
  use_qalora: off,
  use_bdlora: off,
  lora_bias: off,
  kasa_config: off,
  arrow_config: off,
  monteclora_config: off,
  velora_config: off,
  alora_invocation_tokens: empty,
  layer_replication: empty,
  rank_pattern: empty,
  alpha_pattern: empty,
  modules_to_save: empty,
  target_parameters: empty,
  trainable_token_indices: empty,
});
const sharedSchema = z.looseObject({
  peft_type: z.string(),
  base_model_name_or_path: z.string().nullish(),
});

interface AdapterSource {
  readonly source: string;
  readonly model: Model;
  readonly trustBaseModel?: boolean;
  readonly tensors: ReadonlyMap<string, TensorInfo>;
}

/**
 * What a PEFT `adapter_config.json` says, checked against the model in use.
 * @throws RagError prompt/invalid, prompt/mismatch, file/unsupported for a method or setting that is not built here
 */
export function describeAdapter(raw: Buffer, adapter: AdapterSource): AdapterDescription {
  const { source } = adapter;
  const where = `${source}: adapter_config.json`;
  const json = parseConfig(raw, where);
  const shared = parseWith(sharedSchema, json, where, "prompt/invalid");
  requireBaseModel(shared.base_model_name_or_path ?? undefined, adapter);
  switch (shared.peft_type) {
    case "PROMPT_TUNING":
    case "P_TUNING":
    case "PREFIX_TUNING":
      parseWith(onlyRowsSchema, json, where, "file/unsupported");
      requireOnlyRows(adapter);
      return describePrompt(shared.peft_type, parsePrompt(json, where), adapter);
    case "LORA":
      return describeLora(parseWith(loraSchema, json, where, "file/unsupported"), adapter);
    default:
      throw new RagError(
        "file/unsupported",
        `${where}: peft_type ${JSON.stringify(shared.peft_type.slice(0, 40))} is not read; PROMPT_TUNING, P_TUNING, PREFIX_TUNING and LORA are.`,
      );
  }
}

/** A tensor that is not taken would be missing in every answer. */
function requireOnlyRows({ source, tensors }: AdapterSource): void {
  const other = [...tensors.keys()].find((name) => name !== EMBEDDINGS);
  if (other === undefined) return;
  throw new RagError(
    "file/unsupported",
    `${source}: adapter_model.safetensors: expected ${EMBEDDINGS} alone, found ${JSON.stringify(other.slice(0, 120))}, which is not read; train the prompt without changed modules, and save it without embedding layers.`,
  );
}

const parsePrompt = (json: unknown, where: string) =>
  parseWith(promptSchema, json, where, "prompt/invalid");

function describePrompt(
  type: "PROMPT_TUNING" | "P_TUNING" | "PREFIX_TUNING",
  config: z.infer<typeof promptSchema>,
  { source, model }: AdapterSource,
): AdapterDescription {
  const { width, keyValueHeads, headDimension, layers } = model.config;
  const isPrefix = type === "PREFIX_TUNING";
  const expected = isPrefix ? keyValueHeads * headDimension : width;
  if (config.token_dim !== expected || config.num_layers !== layers) {
    throw new RagError(
      "prompt/mismatch",
      `${source}: it was made for ${config.num_layers} layers of width ${config.token_dim}, but ${model.name} has ${layers} layers of width ${expected}; import it with the model it was trained for (--model).`,
    );
  }
  const encoder = config.encoder_reparameterization_type === "LSTM" ? "lstm" : "mlp";
  const prefixEncoder = config.prefix_projection ? "projection" : "embedding";
  const hiddenSize = config.encoder_hidden_size ?? width;
  const shared = { virtualTokens: config.num_virtual_tokens, placement: "prefix" } as const;
  if (isPrefix) {
    return { ...shared, method: "prefix-tuning", encoder: { kind: prefixEncoder, hiddenSize } };
  }
  return type === "P_TUNING"
    ? { ...shared, method: "p-tuning", encoder: { kind: encoder, hiddenSize } }
    : { ...shared, method: "prompt-tuning", encoder: { kind: "embedding", hiddenSize } };
}

const MATRIX = /^base_model\.model\.(.+)\.lora_([AB])\.weight$/;

/** Modules are those that have tensors: what PEFT's `target_modules`, which may be a pattern, matched when it was trained. */
function describeLora(
  config: z.infer<typeof loraSchema>,
  { source, model, tensors }: AdapterSource,
): AdapterDescription {
  const paths = new Set([...tensors.keys()].map((name) => MATRIX.exec(name)?.[1] ?? name));
  const known = new Map(linearModules(model.config).map((module) => [module.path, module]));
  const foreign = [...paths].find((path) => !known.has(path));
  if (foreign !== undefined || paths.size === 0) {
    throw new RagError(
      "prompt/mismatch",
      `${source}: it changes ${JSON.stringify((foreign ?? "nothing").slice(0, 120))}, which ${model.name} does not have; import it with the model it was trained for (--model).`,
    );
  }
  const modules = [...known.values()].filter(({ path }) => paths.has(path));
  return {
    method: "lora",
    encoder: { kind: "embedding", hiddenSize: 1 },
    virtualTokens: 0,
    placement: "between",
    lora: loraDescription(model.config, modules, { rank: config.r, alpha: config.lora_alpha }),
  };
}

/** Names of one model differ by owner and case; a path ends in the name, and perhaps a slash. */
const plainName = (name: string): string => {
  const parts = name.split(/[\\/]/).filter((part) => part !== "");
  return (parts.at(-1) ?? "").toLowerCase().replace(/[^a-z0-9]/g, "");
};

function requireBaseModel(
  name: string | undefined,
  { source, model, trustBaseModel }: AdapterSource,
): void {
  if (name === undefined || trustBaseModel || plainName(name) === plainName(model.name)) return;
  throw new RagError(
    "prompt/mismatch",
    `${source}: it was made for ${JSON.stringify(name.slice(0, 200))}, but the model in use is "${model.name}"; use that model, or --trust-base-model if both are the same.`,
  );
}

/** @throws RagError prompt/invalid */
export const parseConfig = (raw: Buffer, where: string): unknown =>
  parseJson(
    raw.toString("utf8"),
    (problem) => new RagError("prompt/invalid", `${where}: is ${problem}; save it again.`),
  );
