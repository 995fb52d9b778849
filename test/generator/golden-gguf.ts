import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openWeights } from "../../runtime/index.ts";
import {
  ggufPair,
  ggufString,
  ggufTensor,
  u32,
  u64,
  writeGgufBytes,
} from "../runtime/weight-fixtures.ts";

const F32 = 0;
const [UINT32, FLOAT32, STRING, ARRAY] = [4, 6, 8, 9];

/** Names in safetensors, and in GGUF as llama.cpp's converter writes them. */
const NAMES: readonly (readonly [RegExp, string])[] = [
  [/^model\.embed_tokens\./, "token_embd."],
  [/^model\.norm\./, "output_norm."],
  [/^lm_head\./, "output."],
  [/^model\.layers\.(\d+)\.input_layernorm\./, "blk.$1.attn_norm."],
  [/^model\.layers\.(\d+)\.post_attention_layernorm\./, "blk.$1.ffn_norm."],
  [/^model\.layers\.(\d+)\.self_attn\.([qkv])_proj\./, "blk.$1.attn_$2."],
  [/^model\.layers\.(\d+)\.self_attn\.([qk])_norm\./, "blk.$1.attn_$2_norm."],
  [/^model\.layers\.(\d+)\.self_attn\.o_proj\./, "blk.$1.attn_output."],
  [/^model\.layers\.(\d+)\.mlp\.(gate|up|down)_proj\./, "blk.$1.ffn_$2."],
  [/^transformer\.wte\./, "token_embd."],
  [/^transformer\.wpe\./, "position_embd."],
  [/^transformer\.ln_f\./, "output_norm."],
  [/^transformer\.h\.(\d+)\.ln_1\./, "blk.$1.attn_norm."],
  [/^transformer\.h\.(\d+)\.ln_2\./, "blk.$1.ffn_norm."],
  [/^transformer\.h\.(\d+)\.attn\.c_attn\./, "blk.$1.attn_qkv."],
  [/^transformer\.h\.(\d+)\.attn\.c_proj\./, "blk.$1.attn_output."],
  [/^transformer\.h\.(\d+)\.mlp\.c_fc\./, "blk.$1.ffn_up."],
  [/^transformer\.h\.(\d+)\.mlp\.c_proj\./, "blk.$1.ffn_down."],
];

export interface GgufTensorData {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** The tensors of a golden model as llama.cpp stores them: named anew, Conv1D turned, rotated rows interleaved. */
export function ggufTensors(
  folder: string,
  headDimension: number,
  isInterleaved: boolean,
): Map<string, GgufTensorData> {
  const file = openWeights(join(folder, "model.safetensors"));
  const tensors = new Map<string, GgufTensorData>();
  for (const { name, shape } of file.tensors.values()) {
    const [pattern, replacement] = NAMES.find(([known]) => known.test(name))!;
    const tensor = { shape, data: file.readF32(name) };
    const isConvolution = /\.c_\w+\.weight$/.test(name);
    const isTurned = isInterleaved && /\.[qk]_proj\./.test(name);
    tensors.set(
      name.replace(pattern, replacement),
      isConvolution ? transposed(tensor) : isTurned ? interleaved(tensor, headDimension) : tensor,
    );
  }
  file.close();
  return tensors;
}

function transposed({ shape, data }: GgufTensorData): GgufTensorData {
  const [rows, columns] = shape as readonly [number, number];
  const turned = data.map((_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);
  return { shape: [columns, rows], data: turned };
}

/** Row 2i of a head is its row i, row 2i + 1 its row i + D/2: `LlamaModel.permute` of the converter. */
function interleaved({ shape, data }: GgufTensorData, headDimension: number): GgufTensorData {
  const rows = shape[0]!;
  const columns = data.length / rows;
  const out = new Float32Array(data.length);
  for (let row = 0; row < rows; row++) {
    const within = row % headDimension;
    const from = row - within + Math.floor(within / 2) + (within % 2) * (headDimension / 2);
    out.set(data.subarray(from * columns, (from + 1) * columns), row * columns);
  }
  return { shape, data: out };
}

/** A GGUF file of f32 tensors and metadata: whole numbers as u32, others as f32, text, lists of text. */
export function writeGgufModel(
  path: string,
  metadata: Readonly<Record<string, number | string | readonly string[]>>,
  tensors: ReadonlyMap<string, GgufTensorData>,
): string {
  const entries: Uint8Array[] = [];
  const bodies: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    entries.push(ggufTensor(name, shape.map(BigInt).reverse(), F32, BigInt(offset)));
    const padded = new Uint8Array(Math.ceil(data.byteLength / 32) * 32);
    padded.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    bodies.push(padded);
    offset += padded.length;
  }
  const pairs = Object.entries(metadata).map(([key, value]) => {
    if (typeof value === "string") return ggufPair(key, STRING, ggufString(value));
    if (typeof value === "object") {
      const items = value.map((text) => ggufString(text));
      return ggufPair(
        key,
        ARRAY,
        Buffer.concat([u32(STRING), u64(BigInt(items.length)), ...items]),
      );
    }
    if (Number.isInteger(value) && !key.includes("freq_base") && !key.endsWith("factor")) {
      return ggufPair(key, UINT32, u32(value));
    }
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return ggufPair(key, FLOAT32, bytes);
  });
  writeGgufBytes(path, { pairs, tensors: entries });
  writeFileSync(path, Buffer.concat([readFileSync(path), ...bodies]));
  return path;
}
