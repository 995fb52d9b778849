import assert from "node:assert/strict";
import { RagError } from "../core/index.ts";
import type { WeightFile } from "../runtime/index.ts";
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
export type PromptContent =
  | { readonly virtualTokens: Float32Array }
  | { readonly deep: DeepTokens };

const EMBEDDINGS = "prompt_embeddings";

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
  const isDeep = about.method === "p-tuning-v2" || about.method === "prefix-tuning";
  assert.equal("deep" in content, isDeep, `content of method ${about.method}`);
  if (!("deep" in content)) {
    return new Map([[EMBEDDINGS, { shape: embeddingsShape(about), data: content.virtualTokens }]]);
  }
  assert.equal(content.deep.keys.length, about.baseModel.layers, "layers of keys");
  assert.equal(content.deep.values.length, about.baseModel.layers, "layers of values");
  if (about.method === "prefix-tuning") {
    const data = packPrefix(about, content.deep);
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
    ? { deep: unpackPrefix(about, rows) }
    : { virtualTokens: rows };
}

type DeepKind = "key" | "value";

const deepName = (layer: number, kind: DeepKind) => `deep.${layer}.${kind}`;

const rowsShape = ({ baseModel, virtualTokens }: PromptDescription) => [
  baseModel.keyValueHeads,
  virtualTokens,
  baseModel.headDimension,
];

function embeddingsShape({ method, baseModel, virtualTokens }: PromptDescription): number[] {
  const { layers, keyValueHeads, headDimension, width } = baseModel;
  const row = method === "prefix-tuning" ? 2 * layers * keyValueHeads * headDimension : width;
  return [virtualTokens, row];
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

/** Deep rows → PEFT's [K, layers · (key, value) · heads · head dimension]. */
function packPrefix(about: PromptDescription, { keys, values }: DeepTokens): Float32Array {
  const packed = new Float32Array(embeddingsShape(about).reduce((a, b) => a * b));
  forEachPrefixRow(about, ({ layer, isValue, from, to, length }) => {
    const rows = (isValue ? values : keys)[layer]!;
    packed.set(rows.subarray(from, from + length), to);
  });
  return packed;
}

function unpackPrefix(about: PromptDescription, packed: Float32Array): DeepTokens {
  const { layers } = about.baseModel;
  const size = rowsShape(about).reduce((a, b) => a * b);
  const empty = () => Array.from({ length: layers }, () => new Float32Array(size));
  const deep = { keys: empty(), values: empty() };
  forEachPrefixRow(about, ({ layer, isValue, from, to, length }) => {
    const rows = (isValue ? deep.values : deep.keys)[layer]!;
    rows.set(packed.subarray(to, to + length), from);
  });
  return deep;
}

interface PrefixRow {
  readonly layer: number;
  readonly isValue: boolean;
  /** Where the row of one head and token begins in ours, and in PEFT's array. */
  readonly from: number;
  readonly to: number;
  readonly length: number;
}

function forEachPrefixRow(about: PromptDescription, visit: (row: PrefixRow) => void): void {
  const { layers, keyValueHeads: heads, headDimension: length } = about.baseModel;
  const { virtualTokens } = about;
  for (let token = 0; token < virtualTokens; token++) {
    for (let part = 0; part < 2 * layers; part++) {
      for (let head = 0; head < heads; head++) {
        visit({
          layer: part >> 1,
          isValue: part % 2 === 1,
          from: (head * virtualTokens + token) * length,
          to: ((token * 2 * layers + part) * heads + head) * length,
          length,
        });
      }
    }
  }
}
