import assert from "node:assert/strict";
import { RagError } from "../core/index.ts";
import type { WeightFile } from "../runtime/index.ts";
import { type PrefixSizes, packPrefix, prefixRowWidth, unpackPrefix } from "./prefix-rows.ts";
import type { PromptDescription, PromptFileName } from "./prompt-record.ts";
import type { TensorData, TensorMap } from "./trainable.ts";

/** Key and value rows that a prompt adds at every layer, each f32 [key/value heads, K, head dimension]. */
export interface DeepTokens {
  readonly keys: readonly Float32Array[];
  readonly values: readonly Float32Array[];
}

/**
 * What a prompt puts into the model: embeddings [K, H], or rows at every layer. Keys of "p-tuning-v2" are not
 * rotated yet (they are rotated to the positions they get); keys of "prefix-tuning" are used as they are.
 */
export type RowContent = { readonly virtualTokens: Float32Array } | { readonly deep: DeepTokens };

/** What a prompt changes in the model: rows it adds, LoRA's matrices (A and B of every module), or a whole model of its own. */
export type PromptContent =
  | RowContent
  | { readonly lora: TensorMap }
  | { readonly model: OwnModel };

/** A model folder as transformers saves it. */
export interface OwnModel {
  /** Writes it into a folder. */
  readonly write: (folder: string) => Promise<void>;
  /** Its weight file, once it is in a store. */
  readonly saved?: { readonly path: string; readonly sha256: string };
}

/** PEFT's name of the rows. */
export const EMBEDDINGS = "prompt_embeddings";

/**
 * The tensor file of a method. PEFT's prefix tuning uses its keys unrotated, in front of everything; the rows of
 * "p-tuning-v2" are rotated and stand after the passages. PEFT would load them and compute something else, so they
 * get a file of our own, and no `adapter_config.json`.
 */
export function tensorFileName(method: PromptDescription["method"]): PromptFileName {
  return method === "p-tuning-v2" ? "deep_tokens.safetensors" : "adapter_model.safetensors";
}

/** The tensors of the prompt's file: `prompt_embeddings`, or `deep.LAYER.key` and `deep.LAYER.value`. */
export function contentToTensors(about: PromptDescription, content: PromptContent): TensorMap {
  if ("lora" in content) {
    return new Map([...content.lora].map(([name, data]) => [toPeftName(name), data]));
  }
  assert.ok(!("model" in content), "a whole model has a folder");
  const isDeep = about.method === "p-tuning-v2" || about.method === "prefix-tuning";
  assert.equal("deep" in content, isDeep, `content of method ${about.method}`);
  if (!("deep" in content)) {
    return new Map([[EMBEDDINGS, { shape: embeddingsShape(about), data: content.virtualTokens }]]);
  }
  assert.equal(content.deep.keys.length, about.baseModel.layers, "layers of keys");
  assert.equal(content.deep.values.length, about.baseModel.layers, "layers of values");
  if (about.method === "prefix-tuning") {
    const data = packPrefix(prefixSizes(about), content.deep);
    return new Map([[EMBEDDINGS, { shape: embeddingsShape(about), data }]]);
  }
  const shape = rowsShape(about);
  return new Map(
    content.deep.keys.flatMap((key, layer): [string, TensorData][] => [
      [deepName(layer, "key"), { shape, data: key }],
      [deepName(layer, "value"), { shape, data: content.deep.values[layer]! }],
    ]),
  );
}

/** Reads them back. @throws RagError prompt/invalid when a tensor is missing, of another shape, or not finite */
export function contentFromTensors(about: PromptDescription, file: WeightFile): PromptContent {
  if (about.method === "lora") return { lora: readMatrices(about, file) };
  if (about.method === "p-tuning-v2") {
    const shape = rowsShape(about);
    const read = (kind: DeepKind) =>
      Array.from({ length: about.baseModel.layers }, (_, layer) =>
        readTensor(about, file, { name: deepName(layer, kind), shape }),
      );
    return { deep: { keys: read("key"), values: read("value") } };
  }
  const rows = readTensor(about, file, { name: EMBEDDINGS, shape: embeddingsShape(about) });
  return about.method === "prefix-tuning"
    ? { deep: unpackPrefix(prefixSizes(about), rows) }
    : { virtualTokens: rows };
}

/** PEFT's name of a matrix. @see PEFT 0.21 get_peft_model_state_dict */
const PEFT_MODEL = "base_model.model.";
const toPeftName = (name: string) => `${PEFT_MODEL}${name}.weight`;

function readMatrices(about: PromptDescription, file: WeightFile): TensorMap {
  const { rank, modules } = requireLora(about);
  return new Map(
    modules.flatMap(({ path, rows, columns }) => {
      const matrices: readonly (readonly [name: string, shape: readonly number[]])[] = [
        [`${path}.lora_A`, [rank, columns]],
        [`${path}.lora_B`, [rows, rank]],
      ];
      return matrices.map(([name, shape]): [string, TensorData] => [
        name,
        { shape, data: readTensor(about, file, { name: toPeftName(name), shape }) },
      ]);
    }),
  );
}

/** What a LoRA prompt says about its matrices. @throws RagError prompt/invalid when it says nothing */
export function requireLora({ name, lora }: PromptDescription): NonNullable<typeof lora> {
  if (lora) return lora;
  throw new RagError(
    "prompt/invalid",
    `prompt "${name}": expected the rank and modules of LoRA in foreword.json, found none; train the prompt again.`,
  );
}

const prefixSizes = ({ virtualTokens, baseModel }: PromptDescription): PrefixSizes => ({
  virtualTokens,
  layers: baseModel.layers,
  keyValueHeads: baseModel.keyValueHeads,
  headDimension: baseModel.headDimension,
});

type DeepKind = "key" | "value";

const deepName = (layer: number, kind: DeepKind) => `deep.${layer}.${kind}`;

const rowsShape = ({ baseModel, virtualTokens }: PromptDescription) => [
  baseModel.keyValueHeads,
  virtualTokens,
  baseModel.headDimension,
];

function embeddingsShape(about: PromptDescription): number[] {
  const isPrefix = about.method === "prefix-tuning";
  const row = isPrefix ? prefixRowWidth(prefixSizes(about)) : about.baseModel.width;
  return [about.virtualTokens, row];
}

function readTensor(
  { name: prompt }: PromptDescription,
  file: WeightFile,
  wanted: { readonly name: string; readonly shape: readonly number[] },
): Float32Array {
  const found = file.tensors.get(wanted.name);
  if (found?.shape.join() !== wanted.shape.join()) {
    const shape = found ? `[${found.shape.join(", ")}]` : "nothing";
    throw new RagError(
      "prompt/invalid",
      `prompt "${prompt}": tensor "${wanted.name}" should be [${wanted.shape.join(", ")}] but ${shape} was found; the file belongs to another prompt, get or train it again.`,
    );
  }
  const data = file.readF32(wanted.name);
  if (data.every(Number.isFinite)) return data;
  throw new RagError(
    "prompt/invalid",
    `prompt "${prompt}": tensor "${wanted.name}" holds NaN or infinity; train it again with a lower learning rate.`,
  );
}
