import type { WeightFile } from "../runtime/index.ts";
import type { DecoderConfig } from "./config.ts";

/** A weight as one part of a stacked matrix: its names in either file format, and its rows. */
export interface Part {
  readonly huggingFace: string;
  readonly gguf: string;
  readonly rows: number;
  /** Rows of each head alternate between the halves that rotary embedding turns, as llama.cpp stores them. */
  readonly isInterleavedInGguf: boolean;
}

/** A linear layer; parts that read the same input are stacked into one matrix [rows, columns]. */
export interface Projection {
  readonly name: string;
  readonly parts: readonly Part[];
  readonly columns: number;
  readonly hasBias: boolean;
}

/** A vector [length], such as the scale of a norm. */
export interface Vector {
  readonly name: string;
  readonly huggingFace: string;
  readonly gguf: string;
  readonly length: number;
}

/** What a model file of this family holds, and how the decoder groups it. */
export interface ModelPlan {
  readonly projections: readonly Projection[];
  readonly vectors: readonly Vector[];
  readonly hasQueryKeyNorm: boolean;
}

/** The embedding table, f32 [V, H]. */
export function readEmbeddingTable(file: WeightFile): Float32Array {
  return file.readF32(
    file.tensors.has(EMBEDDING.huggingFace) ? EMBEDDING.huggingFace : EMBEDDING.gguf,
  );
}

const EMBEDDING = { huggingFace: "model.embed_tokens.weight", gguf: "token_embd.weight" };

/** Lists every weight of a decoder. `layers.I.*` names are those the graph asks for. */
export function planModel(config: DecoderConfig): ModelPlan {
  const layers = Array.from({ length: config.layers }, (_, layer) => planLayer(config, layer));
  const { width, vocabulary } = config;
  const table = (name: string, huggingFace: string, gguf: string): Projection => ({
    name,
    parts: [{ huggingFace, gguf, rows: vocabulary, isInterleavedInGguf: false }],
    columns: width,
    hasBias: false,
  });
  return {
    projections: [
      table("embedding", EMBEDDING.huggingFace, EMBEDDING.gguf),
      ...(config.isTied ? [] : [table("head", "lm_head.weight", "output.weight")]),
      ...layers.flatMap(({ projections }) => projections),
    ],
    vectors: [
      {
        name: "norm",
        huggingFace: "model.norm.weight",
        gguf: "output_norm.weight",
        length: width,
      },
      ...layers.flatMap(({ vectors }) => vectors),
    ],
    hasQueryKeyNorm: config.family === "qwen3",
  };
}

function planLayer(
  config: DecoderConfig,
  layer: number,
): { projections: Projection[]; vectors: Vector[] } {
  const { width, heads, keyValueHeads, headDimension, feedForward, family } = config;
  const interleaved = family === "llama" || family === "mistral";
  const part = (huggingFace: string, gguf: string, rows: number, rotated = false): Part => ({
    huggingFace: `model.layers.${layer}.${huggingFace}.weight`,
    gguf: `blk.${layer}.${gguf}.weight`,
    rows,
    isInterleavedInGguf: rotated && interleaved,
  });
  const projection = (name: string, columns: number, parts: Part[], hasBias = false) => ({
    name: `layers.${layer}.${name}`,
    parts,
    columns,
    hasBias,
  });
  const vector = (name: string, huggingFace: string, gguf: string, length: number): Vector => ({
    name: `layers.${layer}.${name}`,
    huggingFace: `model.layers.${layer}.${huggingFace}.weight`,
    gguf: `blk.${layer}.${gguf}.weight`,
    length,
  });
  const [queries, keys] = [heads * headDimension, keyValueHeads * headDimension];
  return {
    projections: [
      projection(
        "qkv",
        width,
        [
          part("self_attn.q_proj", "attn_q", queries, true),
          part("self_attn.k_proj", "attn_k", keys, true),
          part("self_attn.v_proj", "attn_v", keys),
        ],
        family === "qwen2",
      ),
      projection("o", queries, [part("self_attn.o_proj", "attn_output", width)]),
      projection("gateUp", width, [
        part("mlp.gate_proj", "ffn_gate", feedForward),
        part("mlp.up_proj", "ffn_up", feedForward),
      ]),
      projection("down", feedForward, [part("mlp.down_proj", "ffn_down", width)]),
    ],
    vectors: [
      vector("inputNorm", "input_layernorm", "attn_norm", width),
      vector("feedForwardNorm", "post_attention_layernorm", "ffn_norm", width),
      ...(family === "qwen3"
        ? [
            vector("queryNorm", "self_attn.q_norm", "attn_q_norm", headDimension),
            vector("keyNorm", "self_attn.k_norm", "attn_k_norm", headDimension),
          ]
        : []),
    ],
  };
}
